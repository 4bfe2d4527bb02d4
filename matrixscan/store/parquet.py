"""Tables in Parquet files: millions of rows where JSON would be gigabytes. Needs pyarrow, used nowhere else."""

from __future__ import annotations

import importlib
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.errors import DamagedFileError, RecordVersionError, ToolMissingError
from matrixscan.records.factored import (
    FIGURE_BITS,
    SCHEMA_VERSION,
    Column,
    ExportRow,
    Labels,
    Meta,
    RunRow,
    Table,
    kinds,
    take,
)
from matrixscan.store.files import write_atomically

#: The columns by which rows are sorted: what is alike stands together, and costs next to nothing.
EXPORT_ORDER = ("position", "runner", "side")
RUN_ORDER = ("reference", "runner", "precision", "artifact", "position", "side")

_META = b"matrixscan"
#: Columns that came with version 2 of the tables.
_YOUNGER = frozenset({"floor", "unoptimized"})
_ROWS = 1 << 20  # a row group
_LEVEL = 15  # of zstd; above it takes much longer for little
_PAGE = 1 << 23  # bytes of a dictionary; the usual one is too small for digests
_FIX = "delete it and publish the scan again"


def write_exports(path: Path, table: Table) -> int:
    """Write the export rows of a factored scan, sorted; return the bytes of the file."""
    return _write(path, _sorted(table, EXPORT_ORDER))


def write_runs(path: Path, table: Table, *, bits: int = FIGURE_BITS) -> int:
    """Write the run rows of a factored scan, sorted; return the bytes of the file.

    Args:
        path: The file.
        table: The rows.
        bits: Bits of the mantissa of a figure that are kept, 23 for all of them.
    """
    exact = {"rtol", "atol"}
    rounded = {
        name: column if name in exact or isinstance(column, Labels) else _rounded(column, bits)
        for name, column in table.columns.items()
    }
    return _write(path, _sorted(Table(rounded, table.meta), RUN_ORDER))


def read_exports(path: Path) -> Table:
    """Read what `write_exports` wrote.

    Raises:
        DamagedFileError: It is not such a table.
        RecordVersionError: A newer matrixscan wrote it.
        ToolMissingError: pyarrow is not installed.
    """
    return _read(path, ExportRow)


def read_runs(path: Path) -> Table:
    """Read what `write_runs` wrote; the same errors as `read_exports`."""
    return _read(path, RunRow)


def read_meta(path: Path) -> Meta:
    """Read what is said once of a table of a factored scan, without its rows; the same errors as `read_exports`."""
    try:
        with arrow(".parquet").ParquetFile(path) as file:
            meta = file.metadata.metadata[_META]
        version = msgspec.json.decode(meta, type=dict[str, Any]).get("schema_version", SCHEMA_VERSION)
        check_version(path, version, SCHEMA_VERSION)
        return msgspec.json.decode(meta, type=Meta)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(path, str(error).partition("\n")[0], _FIX) from error


def arrow(part: str = "") -> Any:
    """Return pyarrow or a part of it.

    Raises:
        ToolMissingError: It is not installed.
    """
    try:
        return importlib.import_module(f"pyarrow{part}")
    except ImportError as error:
        raise ToolMissingError("pyarrow", "pip install pyarrow") from error


def write_arrow(path: Path, content: Any, meta: bytes) -> int:
    """Write an Arrow table with a JSON text in its metadata; return the bytes of the file."""
    sink = io.BytesIO()
    writer = arrow(".parquet").ParquetWriter(
        sink,
        content.schema.remove_metadata(),
        compression="zstd",
        compression_level=_LEVEL,
        dictionary_pagesize_limit=_PAGE,
        write_statistics=False,
        store_schema=False,  # it would be the metadata a second time
    )
    with writer:
        writer.write_table(content.replace_schema_metadata(None), row_group_size=_ROWS)
        writer.add_key_value_metadata({_META: meta})
    write_atomically(path, sink.getvalue())
    return len(sink.getvalue())


def read_arrow(path: Path, texts: Collection[str] = ()) -> tuple[Any, bytes]:
    """Return an Arrow table and the JSON text in its metadata; each of the columns `texts` holds a text once.

    Raises:
        DamagedFileError: It is no Parquet file of matrixscan.
    """
    try:
        with arrow(".parquet").ParquetFile(path, read_dictionary=list(texts)) as file:
            return file.read(), file.metadata.metadata[_META]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(path, str(error).partition("\n")[0], _FIX) from error


def check_version(path: Path, found: int, newest: int) -> None:
    """Raise RecordVersionError for what a newer matrixscan wrote."""
    if found > newest:
        raise RecordVersionError(path, found, newest)


def _write(path: Path, table: Table) -> int:
    lib = arrow()
    columns = {name: _to_arrow(lib, column) for name, column in table.columns.items()}
    return write_arrow(path, lib.table(columns), msgspec.json.encode(table.meta, order="sorted"))


def _read(path: Path, row: type[ExportRow | RunRow]) -> Table:
    content, meta = read_arrow(path, [name for name, kind in kinds(row).items() if kind == "text"])
    try:
        version = msgspec.json.decode(meta, type=dict[str, Any]).get("schema_version", SCHEMA_VERSION)
        check_version(path, version, SCHEMA_VERSION)
        columns = {name: _column(content, name, kind) for name, kind in kinds(row).items()}
        return Table(columns, msgspec.json.decode(meta, type=Meta))
    except (KeyError, msgspec.MsgspecError) as error:
        raise DamagedFileError(path, str(error), _FIX) from error


def _column(content: Any, name: str, kind: str) -> Column:
    """Return a column; one that is younger than the file says nothing."""
    if name in content.column_names or name not in _YOUNGER:
        return _from_arrow(content.column(name), kind)
    return np.full(len(content), -1, np.int8) if kind == "bool" else np.full(len(content), np.nan, np.float32)


def _to_arrow(lib: Any, column: Column) -> Any:
    if isinstance(column, Labels):
        codes = lib.array(column.codes, mask=column.codes < 0)
        return lib.DictionaryArray.from_arrays(codes, lib.array(list(column.labels), lib.string()))
    if column.dtype == np.int8:
        return lib.array(column == 1, mask=column < 0)
    if column.dtype == np.float32:
        return lib.array(column, mask=np.isnan(column))
    return lib.array(column)


def _from_arrow(column: Any, kind: str) -> Column:
    if kind == "text":
        joined = column.unify_dictionaries().combine_chunks()
        joined = joined.chunk(0) if hasattr(joined, "chunk") else joined
        codes = joined.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return Labels(codes, tuple(joined.dictionary.to_pylist()))
    if kind == "bool":
        return np.asarray(column.cast("int8").fill_null(-1).to_numpy(), np.int8)
    if kind == "float":
        return np.asarray(column.fill_null(float("nan")).to_numpy(), np.float32)
    return np.asarray(column.to_numpy(), np.int32)


def _sorted(table: Table, by: Sequence[str]) -> Table:
    keys = [_rank(table.columns[name]) for name in by]
    return take(table, np.lexsort(keys[::-1]))


def _rank(column: Column) -> NDArray[Any]:
    """Return sort keys that do not depend on the order in which texts were met."""
    if not isinstance(column, Labels):
        return column
    rank = np.empty(len(column.labels) + 1, np.int64)
    rank[np.argsort(np.array(column.labels, dtype=object), kind="stable")] = np.arange(len(column.labels))
    rank[-1] = -1
    return rank[column.codes]


def _rounded(column: NDArray[Any], bits: int) -> NDArray[Any]:
    """Round figures to so many bits of the mantissa; to even, as a processor would."""
    drop = 23 - bits
    if column.dtype != np.float32 or drop <= 0:
        return column
    whole = np.nan_to_num(column, nan=0.0).view(np.uint32).astype(np.uint64)
    whole += (1 << (drop - 1)) - 1 + ((whole >> drop) & 1)
    rounded = ((whole >> drop) << drop).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(column) | np.isinf(column), column, rounded)


def sizes(path: Path) -> Mapping[str, int]:
    """Return the bytes each column takes in a file: what to look at when one grows too large."""
    found: dict[str, int] = {}
    meta = arrow(".parquet").ParquetFile(path).metadata
    for group in range(meta.num_row_groups):
        for index in range(meta.num_columns):
            column = meta.row_group(group).column(index)
            found[column.path_in_schema] = found.get(column.path_in_schema, 0) + column.total_compressed_size
    return found
