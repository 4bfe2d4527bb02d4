import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from matrixscan.errors import MatrixFileError
from matrixscan.matrix.companions import companions_of
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.types import Companion

ROW = {"python": "3.11", "torch": "2.2.0", "onnx": "1.14.1"}
TEXT = '[[combinations]]\npython = "3.8"\ntorch = "2.0.0"\n[probes]\njudge = ["net"]\n[[companions]]\n'


@pytest.fixture
def read(tmp_path):
    def _read(text):
        (tmp_path / "m.toml").write_text(text)
        return read_matrix(tmp_path / "m.toml", probe_names=["net"])

    return _read


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"torch": "<2.3"}, True),
        ({"torch": "<2.2"}, False),
        ({"torch": "<2.3", "python": ">=3.12"}, False),
        ({"torch": "<2.3", "python": ">=3.11"}, True),
        ({"onnxscript": ">0"}, False),
        ({}, True),
    ],
)
def test_a_companion_comes_where_every_condition_holds(when, holds):
    found = companions_of(ROW, [Companion(when, {"numpy": "<2"})])
    assert found == ({"numpy": "<2"} if holds else {})


def test_rules_for_one_package_join_and_an_axis_of_the_row_wins():
    rules = [
        Companion({}, {"numpy": "<2", "onnx": "<1", "protobuf": ""}),
        Companion({"torch": ">2"}, {"numpy": "!=1.26.1"}),
        Companion({"onnx": ">1"}, {"numpy": "<2"}),
    ]
    assert companions_of(ROW, rules) == {"numpy": "<2,!=1.26.1", "protobuf": ""}


RULES = st.lists(
    st.builds(
        Companion,
        st.dictionaries(st.sampled_from(["torch", "onnx", "numpy"]), st.sampled_from(["<2", ">=2", ">1.10"])),
        st.dictionaries(st.sampled_from(["numpy", "protobuf", "onnx"]), st.sampled_from(["<2", ">1", "<5", ""])),
    ),
    max_size=4,
)


@given(RULES, st.dictionaries(st.sampled_from(["torch", "onnx", "numpy"]), st.sampled_from(["1.9", "2.1"])))
def test_what_comes_is_what_every_rule_that_holds_allows(rules, row):
    found = companions_of(row, rules)
    held = [
        rule
        for rule in rules
        if all(axis in row and SpecifierSet(text).contains(row[axis]) for axis, text in rule.when.items())
    ]
    assert set(found) == {package for rule in held for package in rule.requires} - set(row)
    for package, text in found.items():
        for version in ("0.5", "1.5", "3", "7"):
            wanted = [rule.requires[package] for rule in held if package in rule.requires]
            assert SpecifierSet(text).contains(version) == all(SpecifierSet(one).contains(version) for one in wanted)


def test_names_become_canonical(read):
    matrix = read(TEXT + 'when = { Torch = "<2.3" }\nrequires = { ML_DTypes = "<0.5" }\n')
    assert matrix.companions == (Companion({"torch": "<2.3"}, {"ml-dtypes": "<0.5"}),)


PROBLEMS = {
    "version": (
        'when = { torch = "2.0" }\nrequires = { numpy = "<2" }\n',
        "companions[0].when.torch: '2.0' is not a version specifier; write '==2.0'",
    ),
    "specifier": (
        'when = {}\nrequires = { numpy = "<x" }\n',
        "companions[0].requires.numpy: '<x' is not a version specifier (for example '>=2.0,<2.3')",
    ),
    "slip": (
        'when = { trch = "<2" }\nrequires = { numpy = "<2" }\n',
        (
            "companions[0].when.trch: unknown axis; did you mean 'torch'? "
            '(a package really called that goes into packages = ["trch"])'
        ),
    ),
    "no axis": (
        'when = { onnx = "<2" }\nrequires = { numpy = "<2" }\n',
        "companions[0].when.onnx: is no axis here; choose from: python, torch",
    ),
    "python": (
        'when = {}\nrequires = { python = "<3.9" }\n',
        "companions[0].requires.python: python is no package; exclude the rows that need another",
    ),
    "name": (
        'when = {}\nrequires = { "a b" = "<3.9" }\n',
        "companions[0].requires.\"a b\": 'a b' is not a valid package name (letters, digits, '-', '_' and '.')",
    ),
    "empty": ("when = {}\nrequires = {}\n", "companions[0].requires: is empty; name at least one package"),
    "missing": ('requires = { numpy = "<2" }\n', "companions[0].when: is required"),
    "key": ('when = {}\nrequires = { a = "<1" }\nwhy = ""\n', "companions[0].why: unknown key; choose from"),
    "type": ('when = { torch = 2 }\nrequires = { a = "<1" }\n', "companions[0].when.torch: expected a string, got"),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_of_a_companion(read, text, expected):
    with pytest.raises(MatrixFileError) as caught:
        read(TEXT + text)
    (found,) = caught.value.problems
    assert found.startswith(expected)
