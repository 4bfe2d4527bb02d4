"""The work folder `.matrixscan/`: environments, events of unfinished runs, and what was measured here.

Published records say what some machine measured; only what this folder vouches for counts as measured here, so a
fresh clone scans for itself although it comes with records.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec

from matrixscan.store.files import write_atomically


class Done(msgspec.Struct, frozen=True):
    """Vouches for a record: it was measured here, from these inputs, and not touched since."""

    key: str
    record_sha256: str
    scan: str  # which scan measured it
    cases: tuple[str, ...]
    seconds: float = 0.0  # what measuring took


class CellWork:
    """The work folder of one combination."""

    def __init__(self, root: Path, matrix: str, cell: str) -> None:
        self.folder = root / matrix / cell
        self.environment = self.folder / "env"
        self.overlays = self.folder / "overlays"
        self.runs = self.folder / "runs"
        self.lock = self.folder.with_name(f"{cell}.lock")
        self._done = self.folder / "done.json"

    def run(self, key: str) -> Path:
        """Return the folder of the run with that key."""
        return self.runs / key

    def done(self) -> Done | None:
        """Return what vouches for the record, or None."""
        if not self._done.is_file():
            return None
        try:
            return msgspec.json.decode(self._done.read_bytes(), type=Done)
        except msgspec.MsgspecError:
            return None

    def vouches_for(self, record: Path) -> Done | None:
        """Return `done()` if the record file is there and is the very one that was written."""
        done = self.done()
        if done is None or not record.is_file():
            return None
        return done if hashlib.sha256(record.read_bytes()).hexdigest() == done.record_sha256 else None

    def finish(self, key: str, record: bytes, scan: str, cases: tuple[str, ...], seconds: float = 0.0) -> None:
        """Vouch for a record just written."""
        done = Done(key, hashlib.sha256(record).hexdigest(), scan, cases, seconds)
        write_atomically(self._done, msgspec.json.encode(done))

    def forget_runs(self, keep: str | None = None) -> None:
        """Delete the events and artifacts of runs other than `keep`."""
        for path in self.runs.glob("*"):
            if path.name != keep:
                shutil.rmtree(path, ignore_errors=True)

    def forget_done(self) -> None:
        """Stop vouching for the record."""
        self._done.unlink(missing_ok=True)
