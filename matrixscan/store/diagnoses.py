"""The files with diagnoses: `reports/<matrix>/diagnoses/<combination>.json`, and the pictures beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matrixscan.records.diagnosis import DiagnosisRecord, decode_diagnoses, encode_diagnoses
from matrixscan.store.files import write_atomically


class Diagnoses:
    """Diagnoses by combination id."""

    def __init__(self, root: Path, matrix: str) -> None:
        self.reports = root / matrix
        self.folder = self.reports / "diagnoses"

    def path(self, cell: str) -> Path:
        """Return where a combination's diagnoses lie."""
        return self.folder / f"{cell}.json"

    def picture_path(self, cell: str, case: str, name: str) -> Path:
        """Return where a picture of one diagnosed case lies; `name` has its suffix."""
        return self.folder / cell / f"{case.replace('/', '~')}.{name}"

    def read(self, cell: str) -> DiagnosisRecord | None:
        """Return a combination's diagnoses, or None.

        Raises:
            MatrixscanError: the file is damaged or from a newer matrixscan.
        """
        path = self.path(cell)
        return decode_diagnoses(path.read_bytes(), path) if path.is_file() else None

    def every(self) -> Iterator[DiagnosisRecord]:
        """Yield all that are published, by combination."""
        for path in sorted(self.folder.glob("*.json")):
            yield decode_diagnoses(path.read_bytes(), path)

    def write(self, record: DiagnosisRecord) -> None:
        """Store a combination's diagnoses."""
        write_atomically(self.path(record.id), encode_diagnoses(record))
