"""The published folder of a matrix: `reports/<matrix>/`."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from matrixscan.plan.load import SEARCHED, read_searched
from matrixscan.records.types import Record
from matrixscan.records.upgrade import decode_record, encode_record
from matrixscan.store.files import write_atomically

#: Files that say what is recommended; there are none where nothing is.
RECOMMENDED = ("recommended.*", "badge.json", "constraints-*.txt", "lock-*.txt")
#: Bytes of a long log that are published from its begin, and from its end.
_LOG_END = 16_000


class Reports:
    """Records and locks by combination id, and rendered reports by file name."""

    def __init__(self, root: Path, matrix: str) -> None:
        self.folder = root / matrix

    def record_path(self, cell: str) -> Path:
        """Return where a combination's record lies."""
        return self.folder / "records" / f"{cell}.json"

    def lock_path(self, cell: str, probe: str | None = None) -> Path:
        """Return where a combination's lock lies, or that of a probe's own packages in it."""
        return self.folder / "locks" / (f"{cell}.txt" if probe is None else f"{cell}.{probe}.txt")

    def log_path(self, cell: str) -> Path:
        """Return where a combination's redacted log lies."""
        return self.folder / "logs" / f"{cell}.log"

    def picture_path(self, cell: str, case: str) -> Path:
        """Return where the picture of a mismatching case lies."""
        return self.folder / "pictures" / cell / f"{case.replace('/', '~')}.png"

    def read(self, cell: str) -> Record | None:
        """Return a combination's record, or None.

        Raises:
            MatrixscanError: the file is damaged or from a newer matrixscan.
        """
        path = self.record_path(cell)
        return decode_record(path.read_bytes(), path) if path.is_file() else None

    def write(self, record: Record) -> bytes:
        """Store a record and return its bytes."""
        data = encode_record(record)
        write_atomically(self.record_path(record.id), data)
        return data

    def hand_over(self, cells: Iterable[str], other: Reports, *, logs: bool = True) -> None:
        """Copy locks, pictures and, unless told otherwise, logs to another folder; of long logs both ends."""
        for cell in cells:
            for source in (path for path in (self.folder / "locks").glob("*.txt") if _concerns(path, cell)):
                write_atomically(other.folder / source.relative_to(self.folder), source.read_bytes())
            log = self.log_path(cell)
            if logs and log.is_file():
                write_atomically(other.log_path(cell), _shortened(log.read_bytes()))
            pictures = self.picture_path(cell, "").parent
            target = other.picture_path(cell, "").parent
            shutil.rmtree(target, ignore_errors=True)
            if pictures.is_dir():
                shutil.copytree(pictures, target)

    def add_searched(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Keep rows that a search added."""
        lines = ",\n".join(f"  {msgspec.json.encode(row).decode()}" for row in (*read_searched(self.folder), *rows))
        write_atomically(self.folder / SEARCHED, f"[\n{lines}\n]\n".encode())

    def drop_records(self) -> None:
        """Delete the records; their cases are in a table now."""
        shutil.rmtree(self.folder / "records", ignore_errors=True)

    def write_texts(self, texts: dict[str, str]) -> None:
        """Write reports by file name."""
        for name, text in texts.items():
            write_atomically(self.folder / name, text.encode())

    def prune_recommended(self, keep: Collection[str]) -> None:
        """Delete recommendations that hold no more; `keep`: names of the files that do."""
        for pattern in RECOMMENDED:
            for path in self.folder.glob(pattern):
                if path.name not in keep:
                    path.unlink()


def _shortened(log: bytes) -> bytes:
    """Return a log without its middle, cut at line ends, where it is long: begin and end say what happened."""
    if len(log) <= 2 * _LOG_END:
        return log
    begin, end = log[:_LOG_END].rpartition(b"\n")[0], log[-_LOG_END:].partition(b"\n")[2]
    left_out = len(log) - len(begin) - len(end)
    return begin + b"\n... %d bytes left out ...\n" % left_out + end


def _concerns(lock: Path, cell: str) -> bool:
    """Tell whether a lock is that of a combination, or of a probe beside it."""
    return lock.name == f"{cell}.txt" or lock.name.startswith(f"{cell}.")
