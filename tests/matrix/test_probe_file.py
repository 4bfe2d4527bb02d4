import datetime as dt
import hashlib

import pytest

from matrixscan.errors import ProbeFileError, UnknownNameError
from matrixscan.matrix.backends import exporters
from matrixscan.matrix.probe import builtin_probes, find_probe, read_probe
from matrixscan.matrix.selection import split_row
from matrixscan.matrix.types import Bounds, Comparison, Expected, Stage

HEAD = '# /// script\n# requires-python = ">=3.8"\n'
NEEDED = 'outputs = ["y"]\nexport-size = { t = 20 }\n'
BODY = '"""Summary line.\n\nMore.\n"""\ndef build(variant): ...\ndef inputs(size, random): ...\n'


def source(table=NEEDED, *, block="", body=BODY):
    lines = "".join(f"# {line}\n" if line else "#\n" for line in table.splitlines())
    return f"{HEAD}{block}# [tool.matrixscan]\n{lines}# ///\n{body}"


@pytest.fixture
def write(tmp_path):
    def _write(text, name="mine.py"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return _write


@pytest.fixture
def problems(write):
    def _problems(text, name="mine.py"):
        with pytest.raises(ProbeFileError) as caught:
            read_probe(write(text, name))
        return list(caught.value.problems)

    return _problems


def test_a_small_probe_has_defaults(write):
    file = write(source())
    probe = read_probe(file)
    assert (probe.name, probe.path, probe.summary) == ("mine", str(file), "Summary line.")
    assert (probe.variants, probe.outputs, probe.export_size) == (("default",), ("y",), {"t": 20})
    assert (probe.requires_python, probe.dependencies, probe.license) == (">=3.8", (), "")
    assert (probe.exporters, probe.opsets, probe.rtol, probe.case_seconds) == (None, None, None, None)
    assert (probe.no_deps, probe.nonfinite, probe.weights) == (False, False, None)
    assert (probe.family, probe.open_variants, probe.samples) == (False, False, 1)
    assert (probe.runners, probe.precisions, probe.fp16, probe.checkpoint) == (None, None, None, None)
    assert (probe.stages, probe.compare, probe.expected, probe.row) == ({}, {}, (), None)
    assert probe.digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_outputs_may_be_left_to_the_structure_of_what_the_model_returns(write):
    assert read_probe(write(source("export-size = { t = 20 }"))).outputs == ()


def test_every_key_reaches_the_probe(write):
    write("weights", "stats.npz")
    write("x = 1", "shared.py")
    table = """\
license = "Apache-2.0"
variants = ["published", "fixed"]
outputs = ["y"]

export-size = { n = 1, t = 20 }
run-sizes = [ { t = 17, n = 3 } ]
dynamic = { x = { 0 = "batch", 1 = "t" } }
exporters = ["dynamo"]
opsets = [18]
rtol = 1
atol = 0.5
case-seconds = 30
no-deps = true
weights = "stats.npz"
files = ["shared.py"]
nonfinite = true
"""
    file = write(source(table, block='# dependencies = ["einops>=0.6"]\n'))
    probe = read_probe(file)
    assert probe.variants == ("published", "fixed")
    assert [list(size.items()) for size in probe.run_sizes] == [[("n", 3), ("t", 17)]]
    assert probe.dynamic == {"x": {0: "batch", 1: "t"}}
    assert probe.exporters == ("dynamo",)
    assert probe.opsets == {name: (18,) for name, info in exporters().items() if info.opsets != (0,)}
    assert (probe.rtol, probe.atol, probe.case_seconds) == (1.0, 0.5, 30.0)
    assert (probe.no_deps, probe.nonfinite, probe.weights) == (True, True, "stats.npz")
    assert (probe.dependencies, probe.license) == (("einops>=0.6",), "Apache-2.0")
    assert probe.digest == hashlib.sha256(file.read_bytes() + b"weights" + b"x = 1").hexdigest()


ADDED = """\
family = true
open-variants = true
samples = 3
runners = ["onnxruntime-cpu"]
precisions = ["fp16-run", "fp32"]
fp16 = { rtol = 2e-2, atol = 1 }
checkpoint = "sub/model.safetensors"
[tool.matrixscan.compare.logits]
rtol = 1e-2
picture = true
[tool.matrixscan.compare.embedding]
rtol = 0
[tool.matrixscan.compare."encoder.tokens"]
agree = 0.99
fp16 = { rtol = 0.5, atol = 0.25 }
[tool.matrixscan.stages.encoder]
outputs = ["tokens"]
dynamic = { speech = { 0 = "n", 1 = "t" } }
[tool.matrixscan.stages.decoder]
[[tool.matrixscan.expected]]
match = "is_integer|mismatch"
reason = "fixed in torch 2.0"
until = 2027-06-01
[tool.matrixscan.expected.when]
torch = "<2.0, !=1.13.1"
python = ">=3.9"
exporter = "torch*"
opset = 13
t = ">200"
stage = "export"
"""


def test_what_the_second_version_of_the_interface_added_reaches_the_probe(write, tmp_path):
    (tmp_path / "sub").mkdir()
    write("weights", "sub/model.safetensors")
    file = write(source(NEEDED + ADDED))
    probe = read_probe(file)
    assert (probe.family, probe.open_variants, probe.samples) == (True, True, 3)
    assert (probe.runners, probe.precisions) == (("onnxruntime-cpu",), ("fp16-run", "fp32"))
    assert (probe.fp16, probe.checkpoint) == (Bounds(0.02, 1.0), "sub/model.safetensors")
    assert probe.compare == {
        "logits": Comparison(rtol=0.01, picture=True),
        "embedding": Comparison(rtol=0.0),
        "encoder.tokens": Comparison(agree=0.99, fp16=Bounds(0.5, 0.25)),
    }
    # As texts: the order of the stages is that of the file, and axis numbers become numbers for the single form only.
    assert list(probe.stages.items()) == [
        ("encoder", Stage(("tokens",), {"speech": {"0": "n", "1": "t"}})),
        ("decoder", Stage()),
    ]
    when = {"torch": "<2.0, !=1.13.1", "python": ">=3.9", "exporter": "torch*", "opset": 13, "t": ">200"}
    when["stage"] = "export"
    expected = Expected("is_integer|mismatch", "fixed in torch 2.0", dt.date(2027, 6, 1), when)
    assert probe.expected == (expected,)
    # The user's weights belong to what was measured.
    assert probe.digest == hashlib.sha256(file.read_bytes() + b"weights").hexdigest()


def test_requirements_may_depend_on_the_python(write):
    lines = "# dependencies = [\"a==1; python_version < '3.9'\", \"a==2; python_version >= '3.9'\"]\n"
    assert read_probe(write(source(block=lines))).dependencies == (
        "a==1; python_version < '3.9'",
        "a==2; python_version >= '3.9'",
    )


def test_opsets_may_be_a_table(write):
    assert read_probe(write(source(NEEDED + "opsets = { dynamo = [18] }\n"))).opsets == {"dynamo": (18,)}


def test_a_file_with_crlf_and_a_byte_order_mark_is_read(write):
    assert read_probe(write(b"\xef\xbb\xbf" + source().replace("\n", "\r\n").encode())).outputs == ("y",)


def test_functions_may_come_from_another_file(write):
    body = '"""S."""\nfrom x import build\nfrom x import f as g\nimport y\ninputs = y.inputs\n'
    assert read_probe(write(source(body=body))).summary == "S."


def test_other_tools_may_have_a_table_in_the_block(write):
    assert read_probe(write(source(block="# [tool.uv]\n# exclude-newer = 1\n")))


def test_a_probe_is_never_imported(write):
    assert read_probe(write(source(body=BODY + "raise SystemExit(3)\n")))


def test_all_problems_are_reported_at_once(problems):
    found = problems(source("variants = 3\nrtol = -1\nopset = [1]\nexport-size = { t = 0 }\n", body="x = 1\n"))
    assert found == [
        "build: the function is missing; define build(variant) at the top level",
        "inputs: the function is missing; define inputs(size, random) at the top level",
        "docstring: is missing; its first line is what reports print",
        "tool.matrixscan.opset: unknown key; did you mean 'opsets'?",
        "tool.matrixscan.variants: expected a list, got the number 3",
        "tool.matrixscan.export-size.t: must be 1 or more, got 0",
        "tool.matrixscan.rtol: must be a finite number above 0, got -1.0",
    ]


T = "tool.matrixscan."
TABLE_PROBLEMS = {
    "variant": (
        NEEDED + 'variants = ["a/b"]',
        T + "variants[0]: 'a/b' may hold only letters, digits, '.', '_', '+' and '-'",
    ),
    "variants": (
        NEEDED + "variants = []",
        T + "variants: is an empty list; leave the key out or name at least one",
    ),
    "outputs twice": (
        'outputs = ["y", "y"]\nexport-size = { t = 1 }',
        T + "outputs[1]: 'y' is listed twice",
    ),
    "output": ('outputs = [""]\nexport-size = { t = 1 }', T + "outputs[0]: is an empty name"),
    "no export size": ('outputs = ["y"]', T + "export-size: is required"),
    "empty export size": (
        'outputs = ["y"]\nexport-size = {}',
        T + "export-size: is empty; name at least one dimension, for example { t = 20 }",
    ),
    "size name": (
        'outputs = ["y"]\nexport-size = { "a b" = 1 }',
        T + "export-size.\"a b\": is not a plain name (letters, digits and '_')",
    ),
    "size type": (
        'outputs = ["y"]\nexport-size = { t = true }',
        T + "export-size.t: expected a whole number, got true or false",
    ),
    "run size": (NEEDED + "run-sizes = [{ t = -1 }]", T + "run-sizes[0].t: must be 1 or more, got -1"),
    "run size key": (
        'outputs = ["y"]\nexport-size = { time = 1 }\nrun-sizes = [{ time = 2, tmie = 3 }]',
        T + "run-sizes[0].tmie: is not in export-size; did you mean 'time'?",
    ),
    "run size missing": (
        'outputs = ["y"]\nexport-size = { n = 1, t = 1 }\nrun-sizes = [{ t = 2 }]',
        T + "run-sizes[0].n: is missing; a run size names what export-size names",
    ),
    "same as export": (
        NEEDED + "run-sizes = [{ t = 20 }]",
        T + f"run-sizes[0]: is the same size as {T}export-size",
    ),
    "same as run": (
        NEEDED + "run-sizes = [{ t = 2 }, { t = 2 }]",
        T + f"run-sizes[1]: is the same size as {T}run-sizes[0]",
    ),
    "axis number": (
        NEEDED + 'dynamic = { x = { time = "t" } }',
        T + "dynamic.x.time: 'time' is not an axis number (0, 1, ...)",
    ),
    "axis name": (
        NEEDED + 'dynamic = { x = { 0 = "a b" } }',
        T + "dynamic.x.0: 'a b' is not a plain name (letters, digits and '_')",
    ),
    "no axis": (NEEDED + "dynamic = { x = {} }", T + 'dynamic.x: names no axis, for example { 0 = "batch" }'),
    "exporter": (
        NEEDED + 'exporters = ["dinamo"]',
        T + "exporters[0]: unknown exporter 'dinamo'; did you mean 'dynamo'?",
    ),
    "opset": (NEEDED + "opsets = { dynamo = [5] }", T + "opsets.dynamo[0]: opset 5 is out of range 7 to 30"),
    "opsets of what has none": (
        NEEDED + "opsets = { pnnx = [17] }",
        T + "opsets.pnnx: writes a format without opsets; leave it out",
    ),
    "no opsets": (
        NEEDED + "opsets = {}",
        T + "opsets: is an empty table; leave the key out or name at least one exporter",
    ),
    "seconds": (
        NEEDED + "case-seconds = nan",
        T + "case-seconds: must be a finite number above 0, got nan",
    ),
    "weights": (
        NEEDED + 'weights = "stat.npz"',
        T + "weights: no file 'stat.npz' beside the probe; did you mean 'stats.npz'?",
    ),
    "weights elsewhere": (
        NEEDED + 'weights = "../stats.npz"',
        T + "weights: '../stats.npz' is not the name of a file beside the probe",
    ),
    "files": (
        NEEDED + 'files = ["other.py"]',
        T + "files[0]: no file 'other.py' beside the probe; there is none to choose from",
    ),
}


EXPECTED = 'match = "x", reason = "r", until = 2027-01-01'
ADDED_PROBLEMS = {
    "family": ("family = 1", "family: expected true or false, got the number 1"),
    "open variants": ('open-variants = "yes"', "open-variants: expected true or false, got the string 'yes'"),
    "samples": ("samples = 0", "samples: must be a finite number above 0, got 0"),
    "samples type": ("samples = 1.5", "samples: expected a whole number, got the number 1.5"),
    "precision": (
        'precisions = ["fp32", "fp61"]',
        "precisions[1]: unknown precision 'fp61'; did you mean 'fp16'?",
    ),
    "precisions": ("precisions = []", "precisions: is an empty list; leave the key out or name at least one"),
    "runner": (
        'runners = ["onnxruntime"]',
        "runners[0]: unknown runner 'onnxruntime'; did you mean 'onnxruntime-cpu'?",
    ),
    "runner twice": (
        'runners = ["onnxruntime-cpu", "onnxruntime-cpu"]',
        "runners[1]: 'onnxruntime-cpu' is listed twice",
    ),
    "fp16": ("fp16 = { rtol = -1, atol = 1 }", "fp16.rtol: must be a finite number, 0 or more, got -1.0"),
    "fp16 zero": ("fp16 = { rtol = 0, atol = 0 }", "fp16: rtol and atol are both 0; at least one must be above"),
    "fp16 half": ("fp16 = { rtol = 1 }", "fp16.atol: is required"),
    "fp16 key": ("fp16 = { rtol = 1, atol = 1, agree = 1 }", "fp16.agree: unknown key; choose from: atol, rtol"),
    "fp16 type": ("fp16 = 1e-2", "fp16: expected a table, got the number 0.01"),
    "compare type": ("compare = { y = 0.9 }", "compare.y: expected a table, got the number 0.9"),
    "compare key": ("compare = { y = { aggree = 1 } }", "compare.y.aggree: unknown key; did you mean 'agree'?"),
    "compare nothing": (
        'compare = { "" = { rtol = 1 } }',
        'compare."": is an empty name; rtol, atol and fp16 of every output stand in the table itself',
    ),
    "agree": (
        "compare = { y = { agree = 1.5 } }",
        "compare.y.agree: is a share of the elements, at most 1, got 1.5",
    ),
    "agree zero": ("compare = { y = { agree = 0 } }", "compare.y.agree: must be a finite number above 0, got 0.0"),
    "agree nan": ("compare = { y = { agree = nan } }", "compare.y.agree: must be a finite number above 0, got nan"),
    "output rtol": ("compare = { y = { rtol = -1 } }", "compare.y.rtol: must be a finite number, 0 or more, got -1.0"),
    "output zero": (
        "compare = { y = { rtol = 0, atol = 0 } }",
        "compare.y: rtol and atol are both 0; at least one must be above",
    ),
    "output fp16": (
        'compare = { "s.y" = { fp16 = { rtol = 1, atol = inf } } }',
        'compare."s.y".fp16.atol: must be a finite number, 0 or more, got inf',
    ),
    "picture": ("compare = { y = { picture = 1 } }", "compare.y.picture: expected true or false, got the number 1"),
    "stage name": (
        'stages = { "a/b" = {} }',
        "stages.\"a/b\": is not a plain name (letters, digits and '_')",
    ),
    "stage with a dot": ('stages = { "a.b" = {} }', "stages.\"a.b\": is not a plain name (letters, digits and '_')"),
    "stage key": ("stages = { e = { inputs = [] } }", "stages.e.inputs: unknown key; choose from: dynamic, outputs"),
    "stage outputs": (
        'stages = { e = { outputs = "y" } }',
        "stages.e.outputs: expected a list, got the string 'y'",
    ),
    "stage outputs twice": ('stages = { e = { outputs = ["y", "y"] } }', "stages.e.outputs[1]: 'y' is listed twice"),
    "stage axis": (
        'stages = { e = { dynamic = { x = { time = "t" } } } }',
        "stages.e.dynamic.x.time: 'time' is not an axis number (0, 1, ...)",
    ),
    "stage axis name": (
        'stages = { e = { dynamic = { x = { 0 = "a b" } } } }',
        "stages.e.dynamic.x.0: 'a b' is not a plain name (letters, digits and '_')",
    ),
    "expected type": (f"expected = {{ {EXPECTED} }}", "expected: expected a list, got a table"),
    "expected date": (
        'expected = [{ match = "x", reason = "r", until = "soon" }]',
        "expected[0].until: expected a date such as 2027-01-31, unquoted, got the string 'soon'",
    ),
    "expected year": (
        'expected = [{ match = "x", reason = "r", until = 2027 }]',
        "expected[0].until: expected a date such as 2027-01-31, unquoted, got the number 2027",
    ),
    "expected without": ('expected = [{ match = "x", until = 2027-01-01 }]', "expected[0].reason: is required"),
    "expected pattern": (
        'expected = [{ match = "(", reason = "r", until = 2027-01-01 }]',
        "expected[0].match: is not a regular expression: missing ), unterminated subpattern at position 0",
    ),
    "expected when": (
        f"expected = [{{ {EXPECTED}, when = 3 }}]",
        "expected[0].when: expected a table, got the number 3",
    ),
    "expected version": (
        f'expected = [{{ {EXPECTED}, when = {{ torch = "2.0" }} }}]',
        "expected[0].when.torch: '2.0' is not a version specifier (for example '<2.0')",
    ),
    "expected version unquoted": (
        f"expected = [{{ {EXPECTED}, when = {{ torch = 2.0 }} }}]",
        "expected[0].when.torch: expected a string or a whole number, got the number 2.0",
    ),
    "expected opset": (
        f'expected = [{{ {EXPECTED}, when = {{ opset = "<13, new" }} }}]',
        "expected[0].when.opset: '<13, new' is not a comparison with a number (for example '<13')",
    ),
    "expected size": (
        f'expected = [{{ {EXPECTED}, when = {{ t = "long" }} }}]',
        "expected[0].when.t: 'long' is not a comparison with a number (for example '<13')",
    ),
    "expected key": (
        f'expected = [{{ {EXPECTED}, when = {{ "a b" = "1" }} }}]',
        (
            'expected[0].when."a b": names neither an axis nor a size, '
            "exporter, opset, precision, runner, variant or stage"
        ),
    ),
    "second expected": (
        f"expected = [{{ {EXPECTED} }}, {{ {EXPECTED}, utnil = 1 }}]",
        "expected[1].utnil: unknown key; did you mean 'until'?",
    ),
    "checkpoint": (
        'checkpoint = "model.npz"',
        "checkpoint: no file 'model.npz'; the path counts from the probe's folder",
    ),
    "checkpoint is a pickle": (
        'checkpoint = "model.pt"',
        "checkpoint: 'model.pt' is not a .safetensors or .npz file; pickles are never loaded: they run code",
    ),
    "checkpoint is a folder": (
        'checkpoint = "folder.npz"',
        "checkpoint: no file 'folder.npz'; the path counts from the probe's folder",
    ),
    "checkpoint and weights": (
        'checkpoint = "stats.npz"\nweights = "stats.npz"',
        "checkpoint: a checkpoint has every tensor; leave out weights, which go on top of seeded ones",
    ),
}
TABLE_PROBLEMS |= {f"added: {name}": (NEEDED + text, T + said) for name, (text, said) in ADDED_PROBLEMS.items()}


@pytest.mark.parametrize(("table", "expected"), TABLE_PROBLEMS.values(), ids=TABLE_PROBLEMS)
def test_a_problem_of_the_table(problems, write, table, expected):
    write("", "stats.npz")
    write("", "model.pt").parent.joinpath("folder.npz").mkdir()
    assert problems(source(table)) == [expected]


BLOCK_PROBLEMS = {
    "option": ('dependencies = ["-r x"]', "dependencies[0]: '-r x' is an installer option; name a package"),
    "url": (
        'dependencies = ["a @ https://x/a.whl"]',
        "dependencies[0]: 'a @ https://x/a.whl' names a URL; name a released package",
    ),
    "requirement": (
        'dependencies = ["a", "b c"]',
        "dependencies[1]: 'b c' is not a PEP 508 requirement (for example 'einops>=0.6')",
    ),
    "marker": (
        'dependencies = ["a; python_version <"]',
        "dependencies[0]: 'a; python_version <' is not a PEP 508 requirement (for example 'einops>=0.6')",
    ),
    "key": ("dependancies = []", "dependancies: unknown key; did you mean 'dependencies'?"),
    "type": ("dependencies = {}", "dependencies: expected a list, got a table"),
}


@pytest.mark.parametrize(("line", "expected"), BLOCK_PROBLEMS.values(), ids=BLOCK_PROBLEMS)
def test_a_problem_of_the_block(problems, line, expected):
    assert problems(source(block=f"# {line}\n")) == [expected]


def test_requires_python_must_be_a_specifier(problems):
    assert problems(source().replace(">=3.8", "3.8")) == [
        "requires-python: '3.8' is not a version specifier (for example >=3.8)"
    ]


FILE_PROBLEMS = {
    "no block": (
        BODY,
        "no PEP 723 block; begin the file with '# /// script' and a [tool.matrixscan] table",
    ),
    "open block": (
        "# /// script\n# x = 1\n" + BODY,
        "line 1: the PEP 723 block is not closed; end it with '# ///'",
    ),
    "two blocks": (
        source() + "\n# /// script\n# ///\n",
        "line 14: a second PEP 723 script block; a file may have one",
    ),
    "toml": (
        "\n# /// script\n# x = \n# ///\n" + BODY,
        "the PEP 723 block is not valid TOML: Invalid value (at line 3, column 5)",
    ),
    "tool": ("# /// script\n# tool = 3\n# ///\n" + BODY, "tool: expected a table, got the number 3"),
    "python": (source(body='"""S."""\ndef build(:\n'), "line 8: is not valid Python: invalid syntax"),
    "docstring": (
        source(body=BODY.replace("Summary line.\n\nMore.", " ")),
        "docstring: is missing; its first line is what reports print",
    ),
    "nested function": (
        source(body=BODY.replace("def inputs", "if 0:\n  def inputs")),
        "inputs: the function is missing; define inputs(size, random) at the top level",
    ),
    "utf-8": (b"# \xff", "is not UTF-8 text (byte 2); save it as UTF-8"),
    "null byte": (
        source(body=BODY + "\0"),
        "is not valid Python: source code string cannot contain null bytes",
    ),
}


@pytest.mark.parametrize(("text", "expected"), FILE_PROBLEMS.values(), ids=FILE_PROBLEMS)
def test_a_problem_of_the_file(problems, text, expected):
    assert expected in problems(text)


def test_a_file_name_that_cannot_stand_in_an_id(problems):
    assert problems(source(), "my probe.py") == [
        "file name: 'my probe' may hold only letters, digits, '.', '_', '+' and '-'"
    ]


def test_an_absent_file_is_a_probe_file_error(tmp_path):
    with pytest.raises(ProbeFileError, match="cannot be read: No such file or directory"):
        read_probe(tmp_path / "x.py")


def test_builtin_probes_are_found_by_name(tmp_path):
    for name, file in builtin_probes().items():
        path, row = split_row(file)
        assert name == (path.stem if row is None else f"op_{row}")
        assert path.is_file()
        assert find_probe(name, tmp_path) == file


@pytest.mark.parametrize("name", builtin_probes())
def test_every_builtin_probe_can_be_read(name):
    assert read_probe(builtin_probes()[name]).name == name


def test_a_path_counts_from_the_base_then_from_the_current_folder(tmp_path, monkeypatch):
    base, here = tmp_path / "base", tmp_path / "here"
    for folder in (base, here):
        folder.mkdir()
        (folder / "both.py").touch()
    (here / "one.py").touch()
    monkeypatch.chdir(here)
    assert find_probe("both.py", base) == base / "both.py"
    assert find_probe("./one.py", base) == here / "one.py"


def test_an_unknown_probe_has_a_close_match(tmp_path):
    (tmp_path / "mine.py").touch()
    with pytest.raises(UnknownNameError, match=r"unknown probe 'mein\.py'; did you mean 'mine\.py'\?"):
        find_probe("mein.py", tmp_path)
