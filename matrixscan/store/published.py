"""The published records of a joint scan, whichever files they were published as."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matrixscan.records.types import Record
from matrixscan.records.upgrade import decode_record
from matrixscan.store.parquet_cases import records_from_parquet

CASES = "cases.parquet"


def published_records(folder: Path) -> Iterator[Record]:
    """Yield the records of `reports/<matrix>/`: of its cases.parquet, else of records/.

    Raises:
        MatrixscanError: A file is damaged or from a newer matrixscan, or pyarrow is missing.
    """
    if (folder / CASES).is_file():
        yield from records_from_parquet(folder / CASES)
        return
    for path in sorted((folder / "records").glob("*.json")):
        yield decode_record(path.read_bytes(), path)
