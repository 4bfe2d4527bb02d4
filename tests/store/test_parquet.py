import importlib.util
import math
import zlib
from pathlib import Path

import numpy as np
import pytest

from matrixscan.errors import DamagedFileError, RecordVersionError, ToolMissingError
from matrixscan.records.factored import Combination, ExportRow, Meta, RunRow, Side, Table, rows_of_table, table_of_rows
from matrixscan.records.types import Error
from matrixscan.records.upgrade import encode_record
from matrixscan.store import parquet, parquet_cases
from matrixscan.store.parquet_cases import cases_from_parquet, records_from_parquet, records_to_parquet
from matrixscan.store.published import published_records

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(f"shared_{name}", ROOT / f"tests/analysis/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published(matrix):
    records = list(published_records(ROOT / "reports" / matrix))
    assert records
    return records


def same_rows(kind, one, other):
    return sorted(map(repr, rows_of_table(kind, one))) == sorted(map(repr, rows_of_table(kind, other)))


META = Meta(
    sides=(Side("a", {"torch": "2.0.0"}, "install", "failed", None, Error("InstallError", "no\nwheel")),),
    combinations=(Combination({"torch": "2.0.0"}, "a", "b"),),
    about={"harness": "123", "nested": {"n": [1, 2.5, None]}},
)


def test_both_tables_come_back_as_they_were(tmp_path):
    exports, runs = load("factored_samples").tables(published("ncnn"))
    parquet.write_exports(tmp_path / "e.parquet", exports)
    parquet.write_runs(tmp_path / "r.parquet", runs, bits=23)
    assert same_rows(ExportRow, parquet.read_exports(tmp_path / "e.parquet"), exports)
    assert same_rows(RunRow, parquet.read_runs(tmp_path / "r.parquet"), runs)
    assert parquet.read_exports(tmp_path / "e.parquet").meta == exports.meta


def run_row(**fields):
    return RunRow(**({"side": "s", "artifact": "a", "reference": "r", "runner": "o", "precision": "fp32",
                      "stage": None, "outcome": "passed"} | fields))  # fmt: skip


def test_rows_without_anything_and_metadata_come_back(tmp_path):
    rows = [run_row(), run_row(output="y", passed=True, shape="", max_abs=0.0), run_row(passed=False, margin=math.inf)]
    parquet.write_runs(tmp_path / "r.parquet", table_of_rows(RunRow, rows, META))
    back = parquet.read_runs(tmp_path / "r.parquet")
    assert sorted(map(repr, rows_of_table(RunRow, back))) == sorted(map(repr, rows))
    assert back.meta == META
    parquet.write_exports(tmp_path / "e.parquet", table_of_rows(ExportRow, [], META))
    assert len(parquet.read_exports(tmp_path / "e.parquet")) == 0


def test_figures_keep_three_digits_and_tolerances_all_of_them(tmp_path):
    figures = np.random.default_rng(0).lognormal(0, 8, 500).astype(np.float32)
    rows = [run_row(output=str(index), max_abs=float(figure), atol=1e-5) for index, figure in enumerate(figures)]
    parquet.write_runs(tmp_path / "r.parquet", table_of_rows(RunRow, rows, Meta()))
    for row in rows_of_table(RunRow, parquet.read_runs(tmp_path / "r.parquet")):
        was = float(figures[int(row.output)])
        assert row.max_abs == pytest.approx(was, rel=2**-12)
        assert row.atol == float(np.float32(1e-5))
    assert any(row.max_abs != rows[int(row.output)].max_abs for row in rows_of_table(
        RunRow, parquet.read_runs(tmp_path / "r.parquet")))  # fmt: skip


def test_the_order_of_rows_does_not_change_the_file(tmp_path):
    rows = [run_row(side=f"s{index % 3}", reference=f"r{index}", output=str(index)) for index in range(50)]
    for name, given in (("one", rows), ("other", rows[::-1])):
        parquet.write_runs(tmp_path / name, table_of_rows(RunRow, given, META))
    assert same_rows(RunRow, parquet.read_runs(tmp_path / "one"), parquet.read_runs(tmp_path / "other"))
    listed = [list(rows_of_table(RunRow, parquet.read_runs(tmp_path / name))) for name in ("one", "other")]
    assert listed[0] == listed[1]


def wide(count):
    """Return run rows as a wide scan has them: figures differ by artifact, and hardly by run side."""
    random = np.random.default_rng(0)
    sides = [f"py311-ort1.{minor}.0" for minor in range(15, 31)]
    for number in range(count // len(sides)):
        figures = random.lognormal(-12, 1, 8)
        name = f"{random.bytes(16).hex()}"
        for side in sides:
            own = figures * (1.5 if random.random() < 0.1 else 1)
            keys = ("max_abs", "mean_abs", "rmse", "max_rel", "cosine", "snr_db", "required_atol", "margin")
            yield run_row(side=side, artifact=name, reference=f"r{number % 900}", output="output", passed=True,
                          shape="3,17,8", reference_shape="3,17,8", dtype="float32", reference_dtype="float32",
                          rtol=1e-3, atol=1e-5, latency=float(random.lognormal(0, 1)),
                          **dict(zip(keys, map(float, own), strict=True)))  # fmt: skip


def test_two_hundred_thousand_rows_are_a_few_megabytes(tmp_path):
    table = table_of_rows(RunRow, wide(200_000), Meta())
    assert len(table) == 200_000
    size = parquet.write_runs(tmp_path / "r.parquet", table)
    assert size == (tmp_path / "r.parquet").stat().st_size
    assert size < 3_000_000
    assert sum(parquet.sizes(tmp_path / "r.parquet").values()) <= size


@pytest.mark.parametrize("matrix", ["ncnn", "seeds"])
def test_records_come_back_whole_and_take_a_tenth_of_their_json(tmp_path, matrix):
    records = published(matrix)
    size = records_to_parquet(iter(records), tmp_path / "cases.parquet")
    assert list(records_from_parquet(tmp_path / "cases.parquet")) == records
    json = sum(len(encode_record(record)) for record in records)
    assert size < json / 10


def test_records_packed_as_before_are_read(tmp_path, monkeypatch):
    records = load("record_samples").samples()
    monkeypatch.setattr(parquet_cases.lzma, "compress", zlib.compress)
    records_to_parquet(records, tmp_path / "cases.parquet")
    assert list(records_from_parquet(tmp_path / "cases.parquet")) == records


def test_cases_come_back_by_record_in_their_order(tmp_path):
    samples = load("record_samples")
    records = samples.samples()
    records_to_parquet(records, tmp_path / "cases.parquet")
    assert cases_from_parquet(tmp_path / "cases.parquet") == {record.id: record.cases for record in records}
    records_to_parquet([], tmp_path / "none.parquet")
    assert cases_from_parquet(tmp_path / "none.parquet") == {}


def test_a_file_that_is_none_says_what_to_do(tmp_path):
    path = tmp_path / "r.parquet"
    path.write_bytes(b"no table")
    for read in (parquet.read_runs, parquet.read_exports, cases_from_parquet):
        with pytest.raises(DamagedFileError, match="delete it"):
            read(path)
    parquet.write_exports(path, table_of_rows(ExportRow, [], Meta()))
    with pytest.raises(DamagedFileError, match="delete it"):
        parquet.read_runs(path)
    with pytest.raises(DamagedFileError, match="delete it"):
        cases_from_parquet(path)


def test_a_file_of_a_newer_matrixscan_is_refused(tmp_path):
    path = tmp_path / "r.parquet"
    parquet.write_runs(path, table_of_rows(RunRow, [], Meta(schema_version=99)))
    with pytest.raises(RecordVersionError, match="update matrixscan"):
        parquet.read_runs(path)


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(ToolMissingError, match="pip install pyarrow"):
        parquet.arrow()


def test_a_table_knows_the_kind_of_its_columns():
    table = table_of_rows(RunRow, [run_row()], Meta())
    assert isinstance(table, Table)
    with pytest.raises(TypeError):
        table.texts("max_abs")
    with pytest.raises(TypeError):
        table.numbers("side")
