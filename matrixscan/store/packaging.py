"""Examinations of packages that are no axis: `reports/<matrix>/packaging/`, and what was tried so far."""

from __future__ import annotations

from pathlib import Path

import msgspec

from matrixscan.records.packaging import PackagingRecord, PackagingTrial, decode_packaging, encode_packaging
from matrixscan.store.files import write_atomically


class PackagingReports:
    """Records by combination id."""

    def __init__(self, root: Path, matrix: str) -> None:
        self.folder = root / matrix / "packaging"

    def path(self, cell: str) -> Path:
        """Return where a combination's record lies."""
        return self.folder / f"{cell}.json"

    def read(self, cell: str) -> PackagingRecord | None:
        """Return a combination's record, or None.

        Raises:
            MatrixscanError: the file is damaged or from a newer matrixscan.
        """
        path = self.path(cell)
        return decode_packaging(path.read_bytes(), path) if path.is_file() else None

    def read_all(self) -> dict[str, PackagingRecord]:
        """Return every record by combination id.

        Raises:
            MatrixscanError: a file is damaged or from a newer matrixscan.
        """
        return {path.stem: decode_packaging(path.read_bytes(), path) for path in sorted(self.folder.glob("*.json"))}

    def write(self, record: PackagingRecord) -> None:
        """Store a record."""
        write_atomically(self.path(record.id), encode_packaging(record))

    def forget(self, cell: str) -> None:
        """Delete the record of a combination whose failure is gone."""
        self.path(cell).unlink(missing_ok=True)


class KeptTrials:
    """Trials by the digest of all that decides their outcome, so that an interrupted search goes on where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> PackagingTrial | None:
        """Return a trial, or None; what cannot be read is tried again."""
        try:
            return msgspec.json.decode((self._folder / f"{key}.json").read_bytes(), type=PackagingTrial)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def write(self, key: str, trial: PackagingTrial) -> None:
        """Keep a trial."""
        write_atomically(self._folder / f"{key}.json", msgspec.json.encode(trial))
