"""Tables of operator probes: `x.toml` is all of its rows, `x.toml#row` one of them."""

import pytest

from matrixscan.errors import MatrixFileError, ProbeFileError, UnknownNameError
from matrixscan.matrix.probe import find_probe, read_probe
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.selection import is_path, probe_name, split_row, table_rows
from matrixscan.plan.expand import make_plan

ROW = """\
[{name}]
summary = "Says what it is."
inputs.x = "normal(n, 4)"
{body}
export-size = {{ n = 2 }}
"""
HEAD = '[[combinations]]\npython = "3.8"\ntorch = "2.4.0"\n'


def row(name="one", body='expression = "x * 2"', more=""):
    return ROW.format(name=name, body=body) + more


@pytest.fixture
def table(tmp_path):
    """Return what writes the table's text, from which two rows can be had without any."""

    def _table(text):
        file = tmp_path / "mine.toml"
        file.write_text(text)
        return file

    _table(row("one") + row("two"))
    return _table


@pytest.fixture
def read(tmp_path, table):  # noqa: ARG001  the table has to be there
    def _read(probes):
        (tmp_path / "m.toml").write_text(f"{HEAD}[probes]\n{probes}\n")
        return read_matrix(tmp_path / "m.toml")

    return _read


@pytest.mark.parametrize(
    ("text", "path", "name", "parts"),
    [
        ("mine.toml#one", True, "op_one", ("mine.toml", "one")),
        ("a/mine.toml#a.b", True, "op_a.b", ("a/mine.toml", "a.b")),
        ("mine.toml", True, "mine", ("mine.toml", None)),
        ("mine.toml#", True, "op_", ("mine.toml", "")),
        ("a#b.py", True, "a#b", ("a#b.py", None)),
        ("a.toml#b.py", True, "op_b.py", ("a.toml", "b.py")),
        ("op_one", False, "op_one", ("op_one", None)),
        ("a#one", False, "a#one", ("a#one", None)),
    ],
)
def test_how_a_row_is_written(text, path, name, parts):
    assert is_path(text) is path
    assert probe_name(text) == name
    file, found = split_row(text)
    assert (str(file), found) == parts


def test_a_row_is_a_probe(table):
    more = 'dependencies = ["a==1; python_version < \'3.9\'"]\nlicense = "MIT"\nrequires-python = ">=3.8"\n'
    file = table("# a comment\n" + row(body='variants.half = "x / 2"\nvariants.twice = "x * 2"', more=more))
    probe = read_probe(f"{file}#one")
    assert (probe.name, probe.path, probe.summary) == ("op_one", str(file), "Says what it is.")
    assert (probe.variants, probe.family, probe.license) == (("half", "twice"), True, "MIT")
    assert (probe.export_size, probe.requires_python) == ({"n": 2}, ">=3.8")
    assert probe.dependencies == ("a==1; python_version < '3.9'",)
    # What the harness makes a module of, and nothing else.
    assert probe.row == {"inputs": {"x": "normal(n, 4)"}, "variants": {"half": "x / 2", "twice": "x * 2"}}
    assert read_probe(f"{table(row())}#one").variants == ("default",)


def test_the_digest_of_a_row_is_its_own_and_that_of_its_files(table, tmp_path):
    def digest(text):
        return read_probe(f"{table(text)}#one").digest

    (tmp_path / "w.npz").write_text("weights")
    alone = digest(row())
    assert digest("# a comment\n" + row("other") + row()) == alone
    assert digest(row(body='expression = "x * 3"')) != alone
    weighed = digest(row(more='weights = "w.npz"'))
    (tmp_path / "w.npz").write_text("others")
    assert len({alone, weighed, digest(row(more='weights = "w.npz"'))}) == 3


ROW_PROBLEMS = {
    "key": (row(more="nonsense = 1\n"), "one.nonsense: unknown key; choose from: "),
    "close key": (row(more="outptus = ['y']\n"), "one.outptus: unknown key; did you mean 'outputs'?"),
    "summary": (row().replace('summary = "Says what it is."\n', ""), "one.summary: is required"),
    "inputs": (row().replace('inputs.x = "normal(n, 4)"\n', ""), "one.inputs: is required"),
    "input type": (row().replace('"normal(n, 4)"', "3"), "one.inputs.x: expected a string, got the number 3"),
    "size": (row().replace("n = 2", "n = 0"), "tool.matrixscan.export-size.n: must be 1 or more, got 0"),
    "two of them": (row(more="variants.a = 'x'\n"), "one: has one of: an expression, variants, code that returns"),
    "none of them": (row(body=""), "one: has one of: an expression, variants, code that returns"),
    "no inputs": (row().replace('inputs.x = "normal(n, 4)"', "inputs = {}"), "one.inputs: is an empty table"),
    "taken name": (
        row(more="buffers.torch = 'x'\n"),
        "one.torch: cannot be the name of an input, a module or a buffer",
    ),
    "no name": (row(more="modules.a-b = 'x'\n"), "one.a-b: cannot be the name of an input, a module or a buffer"),
    "name twice": (row(more="modules.x = 'nn.Tanh()'\n"), "one.x: two things have this name"),
    "script": (row(more='script = "yes"\n'), "one.script: expected true or false, got the string 'yes'"),
    "variants": (row(body="variants = ['a']"), "one.variants: expected a table, got a list"),
    "variant": (
        row(body="variants.\"a/b\" = 'x'"),
        "one.variants[0]: 'a/b' may hold only letters, digits, '.', '_', '+' and '-'",
    ),
    "option": (row(more="dependencies = ['-e .']\n"), "dependencies[0]: '-e .' is an installer option; name a package"),
    "url": (row(more="dependencies = ['a @ https://x/y.whl']\n"), "dependencies[0]: 'a @ https://x/y.whl' names a URL"),
    "python": (row(more="requires-python = '3.8'\n"), "requires-python: '3.8' is not a version specifier"),
    "samples": (row(more="samples = 0\n"), "tool.matrixscan.samples: must be a finite number above 0, got 0"),
    "checkpoint": (row(more="checkpoint = 'm.pt'\n"), "tool.matrixscan.checkpoint: 'm.pt' is not a .safetensors"),
}


@pytest.mark.parametrize(("text", "said"), ROW_PROBLEMS.values(), ids=ROW_PROBLEMS)
def test_a_problem_of_a_row_names_the_row_and_the_key(table, text, said):
    with pytest.raises(ProbeFileError) as caught:
        read_probe(f"{table(text)}#one")
    assert [problem[: len(said)] for problem in caught.value.problems] == [said]
    assert str(caught.value).startswith(f"probe {table(text)}#one:\n")


def test_a_row_name_that_cannot_stand_in_an_id(table):
    file = table(row('"two words"'))
    with pytest.raises(ProbeFileError, match=r"row name: 'two words' may hold only letters"):
        read_probe(f"{file}#two words")


def test_a_row_that_is_not_there_is_a_problem_of_the_table(table):
    with pytest.raises(ProbeFileError, match=r"no row 'onee'; did you mean 'one'\?"):
        read_probe(f"{table(row())}#onee")
    with pytest.raises(ProbeFileError, match=r"is a table of probes; name a row of it, for example mine\.toml#x"):
        read_probe(table(row()))


@pytest.mark.parametrize("text", ["x = [", "[one]\n[one]\n", "[one]\nx = \x00"])
def test_a_table_that_is_not_toml_is_named(table, text):
    with pytest.raises(ProbeFileError, match=r"mine\.toml:\n  is not valid TOML: "):
        table_rows(table(text))


def test_a_table_that_is_not_text_or_not_there_is_named(table, tmp_path):
    file = table("")
    file.write_bytes(b"# \xff")
    with pytest.raises(ProbeFileError, match=r"mine\.toml:\n  is not valid TOML: 'utf-8' codec"):
        table_rows(file)
    with pytest.raises(ProbeFileError, match="cannot be read: No such file or directory"):
        table_rows(tmp_path / "absent.toml")


def test_a_table_in_a_matrix_is_all_of_its_rows(read):
    assert read('judge = ["mine.toml"]').probes.judge == ("mine.toml#one", "mine.toml#two")
    probes = read('judge = ["mine.toml#two"]\nalso = ["mine.toml"]').probes
    assert (probes.judge, probes.also) == (("mine.toml#two",), ("mine.toml#one",))
    plan = make_plan(read('judge = ["mine.toml#two"]\nalso = ["mine.toml"]'))
    assert [probe.name for probe in plan.probes] == ["op_two", "op_one"]
    assert plan.judged == ("op_two",)


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        ('judge = ["mine.toml#oen"]', "probes.judge[0]: no file 'mine.toml#oen' in "),
        ('judge = ["mein.toml"]', "probes.judge[0]: no file 'mein.toml' in "),
        (
            'judge = ["mine.toml#one", "./mine.toml#one"]',
            "probes.judge[1]: './mine.toml#one' is already in probes.judge[0] as 'mine.toml#one'; name it once",
        ),
    ],
)
def test_a_row_that_a_matrix_names_wrongly(read, probes, said):
    with pytest.raises(MatrixFileError) as caught:
        read(probes)
    assert [problem[: len(said)] for problem in caught.value.problems] == [said]


def test_a_mistyped_row_has_a_close_match(read, tmp_path):
    with pytest.raises(MatrixFileError, match=r"did you mean .*'mine\.toml#one'"):
        read('judge = ["mine.toml#oen"]')
    with pytest.raises(UnknownNameError, match=r"unknown probe 'mine\.toml#tow'; did you mean 'mine\.toml#two'"):
        find_probe("mine.toml#tow", tmp_path)
    assert find_probe("mine.toml#two", tmp_path) == tmp_path / "mine.toml#two"


def test_a_row_can_be_selected_where_the_user_is(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matrix = read('judge = ["mine.toml#one"]')
    assert [probe.name for probe in make_plan(matrix, only_probes=["mine.toml#two"]).probes] == ["op_two"]
    assert [probe.name for probe in make_plan(matrix, only_probes=["./mine.toml#one"]).probes] == ["op_one"]
    assert [probe.name for probe in make_plan(matrix, only_probes=["op_one"]).probes] == ["op_one"]
