"""Certifications: `reports/<matrix>/certified/<id>.json`, a record each, and the lock it was installed from.

Facts like all records, so an earlier one is kept beside the last: `<id>~1.json` is the first.
"""

from __future__ import annotations

from pathlib import Path

from matrixscan.records.types import Record
from matrixscan.records.upgrade import decode_record, encode_record
from matrixscan.store.files import write_atomically

_EARLIER = "~"


class Certified:
    """Records and locks of certifications by combination id."""

    def __init__(self, root: Path, matrix: str) -> None:
        self.folder = root / matrix / "certified"

    def record_path(self, cell: str) -> Path:
        """Return where the last certification of a combination lies."""
        return self.folder / f"{cell}.json"

    def lock_path(self, cell: str) -> Path:
        """Return where the lock lies that it was installed from."""
        return self.folder / f"{cell}.txt"

    def ids(self) -> tuple[str, ...]:
        """Return the combinations that have certifications, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.json") if _EARLIER not in path.stem))

    def read(self, cell: str) -> tuple[Record, ...]:
        """Return the certifications of a combination, the last one last.

        Raises:
            MatrixscanError: a file is damaged or from a newer matrixscan.
        """
        paths = [*self._earlier(cell), self.record_path(cell)]
        return tuple(decode_record(path.read_bytes(), path) for path in paths if path.is_file())

    def lock(self, cell: str) -> str | None:
        """Return the lock of the last certification, or None."""
        path = self.lock_path(cell)
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def write(self, record: Record, lock: str) -> None:
        """Store a certification; what was there before is kept as an earlier one."""
        path = self.record_path(record.id)
        if path.is_file():
            number = len(self._earlier(record.id)) + 1
            path.replace(path.with_name(f"{record.id}{_EARLIER}{number}.json"))
        write_atomically(self.lock_path(record.id), lock.encode())
        write_atomically(path, encode_record(record))

    def _earlier(self, cell: str) -> list[Path]:
        found = self.folder.glob(f"{cell}{_EARLIER}*.json")
        return sorted(found, key=lambda path: int(path.stem.rpartition(_EARLIER)[2]))
