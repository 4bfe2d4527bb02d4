"""The records of a matrix in one Parquet file, without loss: for matrices with too many cases for a JSON file each."""

from __future__ import annotations

import base64
import functools
import lzma
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import DamagedFileError
from matrixscan.records.types import SCHEMA_VERSION, CaseRecord, OutputMetrics, Record
from matrixscan.store.parquet import arrow, check_version, read_arrow, write_arrow

#: From so many cases on a matrix is better published as one file.
MANY_CASES = 2_000

_FIX = "delete it and scan again"
_XZ = b"\xfd7zXZ\x00"
#: That of the records, and one more since their heads are in xz: who cannot unpack them is told to update.
_FILE_VERSION = SCHEMA_VERSION + 1
_FIGURES = (
    "max_abs", "mean_abs", "rmse", "max_rel", "cosine", "snr_db", "required_atol", "margin", "noise_floor",
    "reference_rms", "rtol", "atol", "agreement", "floor",
)  # fmt: skip
_JSON = ("size", "seconds", "facts")


class _File(msgspec.Struct, frozen=True):
    """What is said once a file."""

    schema_version: int
    records: str  # without their cases: JSON, in xz, in base 85


def records_to_parquet(records: Iterable[Record], path: Path) -> int:
    """Write records whole; return the bytes of the file. They are taken one at a time."""
    lib = arrow()
    schema = _schema(lib)
    heads, tables = [], []
    for number, record in enumerate(records):
        rows = [_row(record.id, number, place, case) for place, case in enumerate(record.cases)]
        tables.append(lib.Table.from_pylist(rows, schema=schema))
        heads.append(msgspec.structs.replace(record, cases=()))
    whole = lib.concat_tables(tables) if tables else schema.empty_table()
    # The same case of all combinations side by side: its texts and figures are often the same.
    order = [("place", "ascending"), ("number", "ascending")]
    whole = whole.take(arrow(".compute").sort_indices(whole, sort_keys=order)).drop(["number"])
    packed = base64.b85encode(lzma.compress(msgspec.json.encode(heads, order="sorted"))).decode()
    return write_arrow(path, whole, msgspec.json.encode(_File(_FILE_VERSION, packed), order="sorted"))


def cases_from_parquet(path: Path) -> dict[str, tuple[CaseRecord, ...]]:
    """Return record id -> its cases, in the order of the record.

    Raises:
        DamagedFileError: The file is not what `records_to_parquet` writes.
        RecordVersionError: A newer matrixscan wrote it.
        ToolMissingError: pyarrow is not installed.
    """
    return {record.id: record.cases for record in records_from_parquet(path)}


def records_from_parquet(path: Path) -> tuple[Record, ...]:
    """Return the records whole, in the order in which they were written; the same errors as `cases_from_parquet`."""
    content, meta = read_arrow(path)
    try:
        check_version(path, msgspec.json.decode(meta, type=dict[str, Any])["schema_version"], _FILE_VERSION)
        packed = msgspec.json.decode(meta, type=_File).records
        heads = msgspec.json.decode(_unpacked(base64.b85decode(packed)), type=tuple[Record, ...])
        found: dict[str, list[tuple[int, CaseRecord]]] = {head.id: [] for head in heads}
        for batch in content.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                found[row["record"]].append((row["place"], _case(row)))
    except (KeyError, TypeError, ValueError, zlib.error, lzma.LZMAError, msgspec.MsgspecError) as error:
        raise DamagedFileError(path, str(error), _FIX) from error
    return tuple(msgspec.structs.replace(head, cases=_in_order(found[head.id])) for head in heads)


def _unpacked(packed: bytes) -> bytes:
    # Up to 2026-11 it was zlib, which does not see that records repeat each other.
    return lzma.decompress(packed) if packed.startswith(_XZ) else zlib.decompress(packed)


def _in_order(cases: Sequence[tuple[int, CaseRecord]]) -> tuple[CaseRecord, ...]:
    return tuple(case for _, case in sorted(cases, key=lambda pair: pair[0]))


def _row(record: str, number: int, place: int, case: CaseRecord) -> dict[str, Any]:
    return {
        "record": record,
        "number": number,
        "place": place,
        **{name: getattr(case, name) for name in _texts(CaseRecord)},
        "opset": case.opset,
        "witness": case.witness,
        **{name: msgspec.json.encode(getattr(case, name)).decode() for name in _JSON},
        "error_type": None if case.error is None else case.error.type,
        "error_message": None if case.error is None else case.error.message,
        "outputs": [msgspec.to_builtins(output) | _plain(output) for output in case.outputs],
    }


def _plain(output: OutputMetrics) -> dict[str, Any]:
    # Fields at their defaults are left out by msgspec, and are null or 0 here.
    named = {name: getattr(output, name) for name in ("part", "sample", "envelope", *_FIGURES)}
    return named | {"envelope": [list(point) for point in output.envelope]}


def _case(row: dict[str, Any]) -> CaseRecord:
    kind, message = row.pop("error_type"), row.pop("error_message")
    fields = {name: value for name, value in row.items() if name not in {"record", "place"}}
    for name in _JSON:
        fields[name] = msgspec.json.decode(fields[name])
    fields["error"] = None if kind is None else {"type": kind, "message": message}
    return msgspec.convert(fields, CaseRecord)


@functools.cache
def _texts(row: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(row) if field.type in {str, str | None}]


def _schema(lib: Any) -> Any:
    text, number = lib.dictionary(lib.int32(), lib.string()), lib.int32()
    shape, figure = lib.list_(lib.int64()), lib.float64()
    output = lib.struct([
        *((name, lib.string()) for name in _texts(OutputMetrics)),
        ("passed", lib.bool_()), ("shape", shape), ("reference_shape", shape), ("sample", lib.int64()),
        ("envelope", lib.list_(lib.list_(figure))),
        *((name, figure) for name in _FIGURES),
    ])  # fmt: skip
    return lib.schema([
        ("record", text), ("number", number), ("place", number),
        *((name, lib.string()) for name in _texts(CaseRecord)),
        ("opset", lib.int64()), ("witness", lib.bool_()),
        *((name, lib.string()) for name in _JSON),
        ("error_type", lib.string()), ("error_message", lib.string()),
        ("outputs", lib.list_(output)),
    ])  # fmt: skip
