import re
from pathlib import Path

import msgspec
import pytest

from matrixscan.harness.protocol import PRECISIONS
from matrixscan.matrix.backends import exporters, runners
from matrixscan.matrix.layout import MatrixFile
from matrixscan.matrix.schema import matrix_schema, schema_text

ROOT = Path(__file__).parents[2]
FIX = """run: python -c "from pathlib import Path; from matrixscan.matrix.schema import schema_text
for folder in ('matrices', 'matrixscan/matrix'):
    Path(folder, 'matrix.schema.json').write_text(schema_text())" """


@pytest.mark.parametrize("folder", ["matrices", "matrixscan/matrix"])
def test_the_files_are_current(folder):
    assert (ROOT / folder / "matrix.schema.json").read_text() == schema_text(), FIX


def test_it_has_the_keys_of_the_file_and_refuses_others():
    schema = matrix_schema()
    assert list(schema["properties"]) == [field.encode_name for field in msgspec.structs.fields(MatrixFile)]
    assert all(table["additionalProperties"] is False for table in [schema, *schema["$defs"].values()])


def test_every_key_is_described():
    schema = matrix_schema()
    tables = [schema, *schema["$defs"].values()]
    assert not [key for table in tables for key, value in table["properties"].items() if not value.get("description")]


def test_every_reference_is_defined():
    names = re.findall(r'"#/\$defs/(\w+)"', schema_text())
    assert set(names) == set(matrix_schema()["$defs"])


def test_opsets_are_a_list_or_a_table_of_the_known_exporters():
    as_list, as_table = matrix_schema()["$defs"]["CasesTable"]["properties"]["opsets"]["anyOf"]
    assert as_list["items"] == {"type": "integer", "minimum": 7, "maximum": 30}
    assert list(as_table["properties"]) == list(exporters())


def test_exporters_runners_and_precisions_are_the_known_ones():
    cases = matrix_schema()["$defs"]["CasesTable"]["properties"]
    known = {"exporters": exporters(), "runners": runners(), "precisions": PRECISIONS}
    assert {key: cases[key]["items"]["enum"] for key in known} == {key: list(names) for key, names in known.items()}


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("2.4.0", True),
        ("2.4.0+cpu", True),
        ("1!2.0rc1.post2.dev3", True),
        (">=2", False),
        ("--x", False),
        ("", False),
    ],
)
def test_versions_are_exact(version, fits):
    pattern = matrix_schema()["properties"]["combinations"]["items"]["properties"]["torch"]["pattern"]
    assert bool(re.search(pattern, version)) == fits
