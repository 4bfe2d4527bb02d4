"""Selectors, several products, ranges in exclude: what rows a matrix with a lock has."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.catalog.lock import lock_path, lock_text, make_lock
from matrixscan.catalog.types import Release, Wheel
from matrixscan.errors import DamagedFileError, MatrixFileError, SelectionError
from matrixscan.matrix.reader import read_asked, read_matrix
from matrixscan.matrix.rows import matches

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
PROBES = '[probes]\njudge = ["net"]\n'
COMBINATION = '[[combinations]]\npython = "3.8"\ntorch = "2.0.0"\n'
AXES = '[axes]\npython = ["3.11"]\ntorch = ["minors"]\nonnx = ["era:torch", "latest"]\n'
DATES = {
    "torch": {"1.13.1": "2022-12-16", "2.0.0": "2023-03-15", "2.0.1": "2023-05-08", "2.1.0": "2023-10-04"},
    "onnx": {"1.13.0": "2022-12-22", "1.14.1": "2023-08-28"},
}


class Source:
    name = "default"

    def releases(self, names, *, absent=False):
        return {
            name: tuple(
                Release(version, dt.datetime.fromisoformat(f"{day}T00:00:00Z"), wheels=(Wheel("py3-none-any"),))
                for version, day in DATES[name].items()
            )
            for name in names
            if name in DATES or not absent
        }

    def requires(self, wanted):
        return {name: dict.fromkeys(versions, ()) for name, versions in wanted.items()}


@pytest.fixture
def read(tmp_path):
    def _read(text, *, lock=True):
        file = tmp_path / "m.toml"
        file.write_text(text + PROBES)
        if lock:
            lock_path(file).write_text(lock_text(make_lock(read_asked(file), Source(), NOW)))
        return read_matrix(file, probe_names=["net"])

    return _read


@pytest.fixture
def problems(read):
    def _problems(text, *, lock=False):
        with pytest.raises(MatrixFileError) as caught:
            read(text, lock=lock)
        return list(caught.value.problems)

    return _problems


def values(matrix):
    return [" ".join(row.values()) for row in matrix.rows]


def test_selectors_become_exact_versions_by_the_lock(read):
    matrix = read(AXES)
    assert values(matrix) == [
        "3.11 1.13.1 1.13.0",
        "3.11 1.13.1 1.14.1",
        "3.11 2.0.1 1.13.0",
        "3.11 2.0.1 1.14.1",
        "3.11 2.1.0 1.14.1",
    ]
    assert matrix.catalog.chosen["torch"] == {"minors": ("1.13.1", "2.0.1", "2.1.0")}


def test_a_matrix_without_selectors_needs_no_lock_and_looks_at_none(read, tmp_path):
    (tmp_path / "m.lock.json").write_text("damaged")
    text = '[[companions]]\nwhen = { torch = "<2" }\nrequires = { numpy = "<2" }\n[[exclude]]\ntorch = ">=2.1"\n'
    matrix = read(text + '[axes]\npython = ["3.11"]\ntorch = ["2.0.0", "2.1.0"]\n', lock=False)
    assert values(matrix) == ["3.11 2.0.0"]
    assert matrix.catalog is None


def test_a_missing_lock_names_the_command_that_makes_it(problems):
    assert problems(AXES) == ["axes: selectors need m.lock.json beside the matrix; make it: nox -s lock -- m"]


CHANGES = {
    "selector": (AXES.replace('"minors"', '"minors >=2"'), True),
    "releases": ('[releases]\nmin-age = "7d"\n' + AXES, True),
    "combination": (COMBINATION + AXES, True),
    "companion": ('[[companions]]\nwhen = {}\nrequires = { numpy = "<2" }\n' + AXES, True),
    "exclude": ('[[exclude]]\ntorch = ">=2"\n' + AXES, False),
    "transitive": ('[releases]\ntransitive = "era"\n' + AXES, False),
    "description": ('description = "d"\n' + AXES, False),
}


@pytest.mark.parametrize(("text", "refused"), CHANGES.values(), ids=CHANGES)
def test_a_matrix_whose_question_changed_needs_a_new_lock(read, problems, text, refused):
    read(AXES)
    if refused:
        assert problems(text) == ["axes: changed since m.lock.json was made; make it again: nox -s lock -- m"]
    else:
        assert read(text, lock=False).rows


def test_a_damaged_lock_is_an_error_of_its_own(read, tmp_path):
    (tmp_path / "m.lock.json").write_text("{}")
    with pytest.raises(DamagedFileError, match="nox -s lock -- m"):
        read(AXES, lock=False)


def test_several_products_are_united(read):
    exact = '[[axes]]\npython = ["3.9", "3.8"]\ntorch = ["2.0.0"]\n[[axes]]\npython = ["3.8"]\ntorch = ["2.0", "1.0"]\n'
    assert values(read(exact, lock=False)) == ["3.9 2.0.0", "3.8 2.0.0", "3.8 1.0"]
    linked = AXES.replace("[axes]", "[[axes]]").replace('"era:torch", "latest"', '"era:torch"')
    assert values(read(linked + '[[axes]]\npython = ["3.12"]\ntorch = ["latest"]\n')) == [
        "3.11 1.13.1 1.13.0",
        "3.11 2.0.1 1.13.0",
        "3.11 2.1.0 1.14.1",
        "3.12 2.1.0",
    ]


def test_a_row_that_a_selector_happens_to_give_too_is_there_once(read):
    row = 'python = "3.11"\ntorch = "2.1.0"\nonnx = "1.14.1"\n'
    assert values(read("[[combinations]]\n" + row + AXES))[0] == "3.11 2.1.0 1.14.1"
    assert len(values(read("[[combinations]]\n" + row + "[[include]]\n" + row.replace("3.11", "3.12") + AXES))) == 6
    assert len(values(read("[[include]]\n" + row + AXES))) == 5


def test_exclude_takes_ranges_of_every_axis_python_too(read):
    axes = '[axes]\npython = ["3.8", "3.9.1", "3.12"]\ntorch = ["1.13.1", "2.0.0rc1", "2.1.0"]\n'
    rule = '[[exclude]]\ntorch = ">=2.0.0rc1"\npython = "<3.10"\n'
    assert values(read(axes + rule, lock=False)) == [
        "3.8 1.13.1",
        "3.9.1 1.13.1",
        *("3.12 1.13.1", "3.12 2.0.0rc1", "3.12 2.1.0"),
    ]


PROBLEMS = {
    "selector": (AXES.replace("minors", "minrs >=2"), "axes.torch[0]: unknown word 'minrs'; did you mean 'minors'?"),
    "python": (
        AXES.replace('"3.11"', '"latest"'),
        "axes.python[0]: 'latest' is not a Python release (for example 3.8 or 3.8.18)",
    ),
    "not a list": (
        AXES.replace('["minors"]', '"minors"'),
        "axes.torch: expected a list of versions, got the string 'minors'; write [\"minors\"]",
    ),
    "twice": (AXES.replace('"minors"', '"latest <3", "latest  <3"'), None),
    "era of nothing": (AXES.replace("era:torch", "era:numpy"), None),
    "selector in a row": (
        COMBINATION.replace("2.0.0", "latest"),
        "combinations[0].torch: 'latest' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "range in a row": (
        COMBINATION + "[[include]]\n" + 'python = "3.8"\ntorch = ">=2"\n',
        "include[0].torch: '>=2' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "bad range": (
        COMBINATION + '[[exclude]]\ntorch = ">=x"\n',
        "exclude[0].torch: '>=x' is not a version specifier (for example '>=2.0,<2.3')",
    ),
    "idle range": (
        COMBINATION + '[[exclude]]\ntorch = ">=2.0.1"\n',
        "exclude[0]: matches no row of combinations or axes (rows of include are never excluded)",
    ),
    "second product": ('[[axes]]\npython = ["3.8"]\ntorch = ["1"]\n[[axes]]\npython = ["3.8"]\n', None),
    "no table": ("axes = [1]\n", "axes[0]: expected a table of axis = [versions], got the number 1"),
    "age": (
        '[releases]\nmin-age = "7 days"\n' + COMBINATION,
        "releases.min-age: '7 days' is no number of days or weeks (for example '7d' or '2w')",
    ),
    "grace": (
        "[releases]\nera-grace = 30\n" + COMBINATION,
        "releases.era-grace: expected a string, got the number 30",
    ),
    "day": (
        '[releases]\nexclude-newer = "soon"\n' + COMBINATION,
        "releases.exclude-newer: expected a date such as 2027-01-31, unquoted, got the string 'soon'",
    ),
    "transitive": (
        '[releases]\ntransitive = "eras"\n' + COMBINATION,
        "releases.transitive: unknown value 'eras'; did you mean 'era'?",
    ),
}
FIXED = {
    "twice": "axes.torch[1]: 'latest  <3' is the same version as axes.torch[0]",
    "era of nothing": "axes: era:numpy: numpy is no axis of this product; add it, or name one of its axes",
    "second product": "axes[1]: no package axis; add at least one, for example torch",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_of_selectors_and_ranges(problems, name):
    text, expected = PROBLEMS[name]
    assert problems(text) == [expected or FIXED[name]]


def test_an_era_that_finds_nothing_is_said_when_the_lock_is_made(read):
    text = AXES.replace('"minors"', '"1.13.1"').replace('"era:torch", "latest"', '"era:torch >=1.14"')
    with pytest.raises(SelectionError, match=r"release of onnx for torch 1\.13\.1; write 'era:torch >=1\.14 optional'"):
        read(text)
    matrix = read(text.replace(">=1.14", ">=1.14 optional"))
    assert values(matrix) == ["3.11 1.13.1"]


def test_what_is_asked_can_be_read_without_a_lock(tmp_path):
    text = (
        '[releases]\nexclude-newer = 2026-11-01\nmin-age = "2w"\nera-grace = "1d"\n'
        '[[companions]]\nwhen = { torch = "<2.3" }\nrequires = { NumPy = "<2" }\n'
    )
    file = tmp_path / "m.toml"
    file.write_text(text + COMBINATION + AXES)
    asked = read_asked(file)
    assert asked.products == ({"python": ("3.11",), "torch": ("minors",), "onnx": ("era:torch", "latest")},)
    assert asked.rows == ({"python": "3.8", "torch": "2.0.0"},)
    assert asked.also == ("numpy",)
    assert (asked.exclude_newer, asked.min_age, asked.era_grace) == (dt.date(2026, 11, 1), 14.0, 1.0)
    file.write_text(text + AXES.replace("minors", "minors:1"))
    with pytest.raises(MatrixFileError, match="minors takes no argument"):
        read_asked(file)


def test_a_quoted_day_is_a_day_too(read):
    matrix = read('[releases]\nexclude-newer = "2026-11-01"\n' + COMBINATION, lock=False)
    assert matrix.releases.exclude_newer == dt.date(2026, 11, 1)


VERSION = st.sampled_from(["1.9", "1.9.0", "2.0.0", "2.0.1rc1", "2.1"])
ROW = st.fixed_dictionaries({"python": st.sampled_from(["3.8", "3.8.1", "3.12"]), "torch": VERSION, "onnx": VERSION})
RANGE = st.sampled_from([">=2.0", "<2", "==1.9.*", "!=2.1", ">1,<2.1"])


@given(ROW, RANGE)
def test_a_range_and_its_opposite_never_both_match(row, text):
    from packaging.specifiers import SpecifierSet

    for axis, version in row.items():
        expected = SpecifierSet(text).contains(version, prereleases=True)
        assert matches({axis: text}, row) == expected
        assert matches({axis: text, "absent": ">0"}, row) is False


@given(ROW)
def test_every_row_matches_itself_and_each_of_its_parts(row):
    assert matches(row, row)
    assert all(matches({axis: version}, row) for axis, version in row.items())
    assert not matches({"torch": "9"}, row)
