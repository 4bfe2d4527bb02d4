from pathlib import Path

import msgspec
import pytest

from matrixscan.errors import MatrixFileError, MatrixNotFoundError
from matrixscan.matrix.backends import exporters
from matrixscan.matrix.layout import CasesTable
from matrixscan.matrix.reader import find_matrix, read_matrix
from matrixscan.matrix.types import Cases

ROW = 'python = "3.8"\ntorch = "2.4.0"\n'
COMBINATION = "[[combinations]]\n" + ROW
PROBES = '[probes]\njudge = ["op_one"]\n'
NAMES = ("op_one", "op_two", "net")
MATRICES = Path(__file__).parents[2] / "matrices"


@pytest.fixture
def read(tmp_path):
    def _read(text, names=NAMES):
        file = tmp_path / "m.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_matrix(file, probe_names=names)

    return _read


@pytest.fixture
def problems(read):
    def _problems(text):
        with pytest.raises(MatrixFileError) as caught:
            read(text)
        return list(caught.value.problems)

    return _problems


def test_explicit_rows_keep_the_order_of_the_file_with_python_first(read):
    matrix = read('[[combinations]]\ntorch = "2.4.0+cpu"\npython = "3.8.18"\nML_DTypes = "0.5.0"\n' + PROBES)
    assert [list(row.items()) for row in matrix.rows] == [
        [("python", "3.8.18"), ("torch", "2.4.0+cpu"), ("ml-dtypes", "0.5.0")]
    ]
    assert matrix.name == "m"
    assert matrix.cases == Cases()


def test_rows_are_combinations_then_the_product_less_exclude_then_include(read):
    matrix = read(
        COMBINATION
        + '[axes]\ntorch = ["2.3.1", "2.5.0"]\npython = ["3.9", "3.10"]\n'
        + '[[exclude]]\npython = "3.9"\ntorch = "2.5"\n'
        + '[[include]]\npython = "3.9"\ntorch = "2.5.0"\nonnxscript = "0.7.2"\n'
        + PROBES
    )
    assert [tuple(row.values()) for row in matrix.rows] == [
        ("3.8", "2.4.0"),
        ("3.9", "2.3.1"),
        ("3.10", "2.3.1"),
        ("3.10", "2.5.0"),
        ("3.9", "2.5.0", "0.7.2"),
    ]


def test_globs_expand_to_sorted_names_and_yield_to_written_ones(read, tmp_path):
    (tmp_path / "mine.py").touch()
    matrix = read(COMBINATION + '[probes]\njudge = ["mine.py", "op_two"]\nalso = ["op_*"]\n', reversed(NAMES))
    assert matrix.probes.judge == ("mine.py", "op_two")
    assert matrix.probes.also == ("op_one",)


def test_a_probe_path_may_count_from_the_current_folder(read, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.py").touch()
    monkeypatch.chdir(here)
    assert read(COMBINATION + '[probes]\nalso = ["./mine.py"]\n').probes.also == ("./mine.py",)


def test_the_variants_of_a_probe_may_be_chosen(read):
    assert read(COMBINATION + PROBES).probes.variants == {}
    matrix = read(COMBINATION + PROBES + 'also = ["net"]\n[probes.variants]\nop_one = ["b", "a"]\nnet = ["x2-1.0+p"]\n')
    assert matrix.probes.variants == {"op_one": ("b", "a"), "net": ("x2-1.0+p",)}


VARIANT_PROBLEMS = {
    "probe": ('op_oen = ["a"]', "probes.variants.op_oen: no probe 'op_oen' in judge or also; did you mean 'op_one'?"),
    "not selected": (
        'net = ["a"]',
        "probes.variants.net: no probe 'net' in judge or also; choose from: op_one",
    ),
    "empty": ("op_one = []", "probes.variants.op_one: is an empty list; leave the key out or name at least one"),
    "twice": ('op_one = ["a", "a"]', "probes.variants.op_one[1]: 'a' is listed twice"),
    "type": ('op_one = "a"', "probes.variants.op_one: expected a list, got the string 'a'"),
    "item": ("op_one = [1]", "probes.variants.op_one[0]: expected a string, got the number 1"),
    # With open variants nothing else would keep it out of ids and file names.
    "name": (
        'op_one = ["a", "b/c"]',
        "probes.variants.op_one[1]: 'b/c' may hold only letters, digits, '.', '_', '+' and '-'",
    ),
}


def test_opsets_of_a_probe_can_be_chosen(read, problems):
    opsets = "[probes.opsets]\nop_one = { torchscript = [13], dynamo = [18, 19] }\n"
    plain = read(COMBINATION + PROBES)
    assert plain.probes.opsets == {}
    assert read(COMBINATION + PROBES + opsets).probes.opsets == {"op_one": {"torchscript": (13,), "dynamo": (18, 19)}}
    wrong = "[probes.opsets]\nop_oen = { torchscript = [13] }\nop_one = { torchscirpt = [13], dynamo = [99] }\n"
    assert problems(COMBINATION + PROBES + wrong) == [
        "probes.opsets.op_oen: no probe 'op_oen' in judge or also; did you mean 'op_one'?",
        "probes.opsets.op_one.torchscirpt: unknown exporter 'torchscirpt'; did you mean 'torchscript'?",
        "probes.opsets.op_one.dynamo[0]: opset 99 is out of range 7 to 30",
    ]


@pytest.mark.parametrize(("line", "expected"), VARIANT_PROBLEMS.values(), ids=VARIANT_PROBLEMS)
def test_a_problem_of_the_chosen_variants(problems, line, expected):
    assert problems(COMBINATION + PROBES + f"[probes.variants]\n{line}\n") == [expected]


def test_precisions_runners_and_their_tolerances_reach_the_matrix(read):
    plain = read(COMBINATION + PROBES)
    assert (plain.cases.precisions, plain.cases.runners) == (("fp32",), ("onnxruntime-cpu",))
    assert (plain.tolerances.fp16.rtol, plain.tolerances.fp16.atol) == (1e-2, 1e-3)
    half = '[cases]\nprecisions = ["fp16", "fp16-run"]\n[tolerances.fp16]\nrtol = 0\natol = 1\n'
    matrix = read(COMBINATION + PROBES + half)
    assert matrix.cases.precisions == ("fp16", "fp16-run")
    assert (matrix.tolerances.fp16.rtol, matrix.tolerances.fp16.atol) == (0.0, 1.0)
    assert (matrix.tolerances.rtol, matrix.tolerances.atol) == (1e-3, 1e-5)


def test_one_list_of_opsets_is_meant_for_every_exporter(read):
    matrix = read(COMBINATION + PROBES + '[cases]\nexporters = ["dynamo"]\nopsets = [18, 20]\n')
    assert matrix.cases.exporters == ("dynamo",)
    with_opsets = [name for name, info in exporters().items() if info.opsets != (0,)]
    assert {"torchscript", "dynamo"} <= set(with_opsets)
    assert matrix.cases.opsets == dict.fromkeys(with_opsets, (18, 20))


def test_every_table_reaches_the_matrix(read):
    matrix = read(
        'description = "d"\npackages = ["trch"]\n[[combinations]]\npython = "3.8"\ntrch = "1.0"\n'
        + PROBES
        + "[cases.opsets]\ntorchscript = [13]\ndynamo = [18]\n[tolerances]\nrtol = 1\n[limits]\nthreads = 2\n"
        + '[index]\ntorch = "cpu"\n[expect]\ngood = ["py38-trch1.0"]\n'
    )
    assert matrix.description == "d"
    assert matrix.cases.opsets == {"torchscript": (13,), "dynamo": (18,)}
    assert matrix.tolerances.rtol == 1.0
    assert matrix.limits.threads == 2
    assert matrix.index.torch == "cpu"
    assert matrix.expect.good == ("py38-trch1.0",)


def test_a_byte_order_mark_and_crlf_are_harmless(read):
    assert read(b"\xef\xbb\xbf" + (COMBINATION + PROBES).replace("\n", "\r\n").encode()).rows


def test_all_problems_of_a_file_are_reported_at_once(problems):
    found = problems(
        'axis = 1\n[axes]\npython = ["3.8"]\ntrch = ["1"]\n[probes]\njudge = ["x"]\n[limits]\nthreads = 0\n'
    )
    assert [line.split(":")[0] for line in found] == [
        "axis",
        "axes.trch",
        "probes.judge[0]",
        "limits.threads",
    ]


AXES = '[axes]\npython = ["3.8"]\ntorch = ["2.4.0"]\n'
ROW_PROBLEMS = {
    "version": (
        '[axes]\npython = ["3.8"]\ntorch = ["1.0", "2.0", "1.x"]\n',
        "axes.torch[2]: '1.x' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "option": (
        '[[combinations]]\npython = "3.8"\ntorch = "--index-url=http://x"\n',
        "combinations[0].torch: '--index-url=http://x' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "specifier": (
        '[[combinations]]\npython = "3.8"\ntorch = ">=2"\n',
        "combinations[0].torch: '>=2' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "normal form": (
        '[[combinations]]\npython = "3.8"\ntorch = "v2.4.0"\n',
        "combinations[0].torch: 'v2.4.0' is not in normal form; write '2.4.0'",
    ),
    "endless version": (
        f'[[combinations]]\npython = "3.8"\ntorch = "{"9" * 5000}"\n',
        "combinations[0].torch: is too long for a version (5000 characters, at most 100)",
    ),
    "endless python": (
        f'[[combinations]]\npython = "3.{"8" * 99}"\ntorch = "2.4.0"\n',
        "combinations[0].python: is too long for a version (101 characters, at most 100)",
    ),
    "python release": (
        '[[combinations]]\npython = "3"\ntorch = "2.4.0"\n',
        "combinations[0].python: '3' is not a Python release (for example 3.8 or 3.8.18)",
    ),
    "python prerelease": (
        '[[combinations]]\npython = "3.14.0rc1"\ntorch = "2.4.0"\n',
        "combinations[0].python: '3.14.0rc1' is not a Python release (for example 3.8 or 3.8.18)",
    ),
    "number": (
        '[[combinations]]\npython = 3.8\ntorch = "2.4.0"\n',
        'combinations[0].python: 3.8 is a number; quote it: "3.8" (without quotes 3.10 reads as 3.1)',
    ),
    "number in list": (
        '[axes]\npython = [3.8]\ntorch = ["2.4.0"]\n',
        'axes.python[0]: 3.8 is a number; quote it: "3.8" (without quotes 3.10 reads as 3.1)',
    ),
    "number for list": (
        '[axes]\npython = 3.8\ntorch = ["2.4.0"]\n',
        (
            'axes.python: expected a list of versions, got the number 3.8; 3.8 is a number; quote it: "3.8" '
            "(without quotes 3.10 reads as 3.1)"
        ),
    ),
    "string for list": (
        '[axes]\npython = "3.8"\ntorch = ["2.4.0"]\n',
        "axes.python: expected a list of versions, got the string '3.8'; write [\"3.8\"]",
    ),
    "list for string": (
        '[[combinations]]\npython = "3.8"\ntorch = ["2.4.0"]\n',
        "combinations[0].torch: expected one version in quotes, got a list",
    ),
    "typo": (
        COMBINATION + '[[combinations]]\npython = "3.8"\ntrch = "2.3.1"\n',
        (
            "combinations[1].trch: unknown axis; did you mean 'torch'? "
            '(a package really called that goes into packages = ["trch"])'
        ),
    ),
    "typo of python": (
        '[[combinations]]\npyhton = "3.8"\ntorch = "2.3.1"\n',
        (
            "combinations[0].pyhton: unknown axis; did you mean 'python'? "
            '(a package really called that goes into packages = ["pyhton"])'
        ),
    ),
    "look-alike of python": (
        'packages = ["pythonnet"]\n[[combinations]]\npythonnet = "3.0.5"\n',
        'combinations[0]: no python axis; add python = "3.8" or another release',
    ),
    "bad name": (
        '[[combinations]]\npython = "3.8"\n"-r x" = "1.0"\n',
        "combinations[0].\"-r x\": '-r x' is not a valid package name (letters, digits, '-', '_' and '.')",
    ),
    "bad package": (
        'packages = ["a b"]\n' + COMBINATION,
        "packages[0]: 'a b' is not a valid package name (letters, digits, '-', '_' and '.')",
    ),
    "axis twice": (
        '[[combinations]]\npython = "3.8"\nonnx-ir = "1.0"\nONNX_IR = "1.0"\n',
        "combinations[0].ONNX_IR: is the same axis as 'onnx-ir'",
    ),
    "no python": (
        '[axes]\ntorch = ["2.4.0"]\n',
        'axes: no python axis; add python = "3.8" or another release',
    ),
    "no package": (
        '[[combinations]]\npython = "3.8"\n',
        "combinations[0]: no package axis; add at least one, for example torch",
    ),
    "include without python": (
        COMBINATION + '[[include]]\ntorch = "2.4.0"\n',
        'include[0]: no python axis; add python = "3.8" or another release',
    ),
    "empty axis": (
        '[axes]\npython = ["3.8"]\ntorch = []\n',
        "axes.torch: is an empty list; name at least one version",
    ),
    "version twice": (
        '[axes]\npython = ["3.8"]\ntorch = ["2.4", "2.4.0"]\n',
        "axes.torch[1]: '2.4.0' is the same version as axes.torch[0]",
    ),
    "empty matrix": ("", "combinations: the matrix has no row; add [[combinations]] or [axes]"),
    "duplicate rows": (
        COMBINATION + AXES,
        "axes[py38-torch2.4.0]: is the same combination as combinations[0] (py38-torch2.4.0)",
    ),
    "duplicate include": (
        COMBINATION + "[[include]]\n" + ROW,
        "include[0]: is the same combination as combinations[0] (py38-torch2.4.0)",
    ),
    "idle exclude": (
        COMBINATION + '[[exclude]]\ntorch = "2.3.1"\n',
        "exclude[0]: matches no row of combinations or axes (rows of include are never excluded)",
    ),
    "empty exclude": (
        COMBINATION + "[[exclude]]\n",
        "exclude[0]: is empty and would drop every row; name at least one axis",
    ),
    "exclude all": (
        COMBINATION + '[[exclude]]\npython = "3.8"\n',
        "exclude: drops every row of combinations and axes",
    ),
    "huge product": (
        "[axes]\n" + "".join(f"{axis} = {[f'3.{n}' for n in range(317)]}\n" for axis in ("python", "torch")),
        "axes: the product has 100489 rows, more than 100000; drop versions or axes",
    ),
    "row list": (
        'combinations = "x"\n',
        "combinations: expected a list of tables, each under [[combinations]], got the string 'x'",
    ),
    "row": (
        "combinations = [1]\n",
        "combinations[0]: expected a table of axis = version, got the number 1",
    ),
    "axes list": ("axes = []\n", "axes: expected a table of axis = [versions], got a list"),
}


@pytest.mark.parametrize(("text", "expected"), ROW_PROBLEMS.values(), ids=ROW_PROBLEMS)
def test_a_problem_of_the_rows(problems, text, expected):
    assert problems(text + PROBES) == [expected]


TABLE_PROBLEMS = {
    "unknown key": ("[limit]\n", "limit: unknown key; did you mean 'limits'?"),
    "unknown nested": (
        "[limits]\ncase_seconds = 1\n",
        "limits.case_seconds: unknown key; did you mean 'case-seconds' or 'diagnose-seconds'?",
    ),
    "not a table": ("limits = 3\n", "limits: expected a table, got the number 3"),
    "array of tables": ("[[limits]]\nthreads = 1\n", "limits: expected a table, got a list"),
    "controls": ('controls = "no"\n', "controls: expected true or false, got the string 'no'"),
    "description": ("description = 3\n", "description: expected a string, got the number 3"),
    "date": ("description = 2024-01-01\n", "description: expected a string, got a date"),
    "packages": ('packages = "a"\n', "packages: expected a list, got the string 'a'"),
    "threads bool": (
        "[limits]\nthreads = true\n",
        "limits.threads: expected a whole number, got true or false",
    ),
    "threads float": (
        "[limits]\nthreads = 1.5\n",
        "limits.threads: expected a whole number, got the number 1.5",
    ),
    "threads": ("[limits]\nthreads = 0\n", "limits.threads: must be between 1 and 1024, got 0"),
    "threads many": ("[limits]\nthreads = 1025\n", "limits.threads: must be between 1 and 1024, got 1025"),
    "no end of diagnoses": (
        "[limits]\ndiagnose-seconds = inf\n",
        "limits.diagnose-seconds: must be a finite number, 0 or more, got inf",
    ),
    "memory": ("[limits]\nmemory-gib = -1\n", "limits.memory-gib: must be a finite number above 0, got -1.0"),
    "nan": ("[tolerances]\nrtol = nan\n", "tolerances.rtol: must be a finite number, 0 or more, got nan"),
    "inf": ("[tolerances]\natol = inf\n", "tolerances.atol: must be a finite number, 0 or more, got inf"),
    "negative": ("[tolerances]\natol = -1e-9\n", "tolerances.atol: must be a finite number, 0 or more, got -1e-09"),
    "no tolerance": (
        "[tolerances]\nrtol = 0\natol = 0.0\n",
        "tolerances: rtol and atol are both 0; at least one must be above",
    ),
    "rtol bool": ("[tolerances]\nrtol = true\n", "tolerances.rtol: expected a number, got true or false"),
    "index": ('[index]\ntorch = "cpuu"\n', "index.torch: unknown value 'cpuu'; did you mean 'cpu'?"),
    "index type": (
        "[index]\ntorch = 1\n",
        "index.torch: expected one of 'auto', 'cpu', 'pypi', got the number 1",
    ),
    "exporter": (
        '[cases]\nexporters = ["torchscrip"]\n',
        "cases.exporters[0]: unknown exporter 'torchscrip'; did you mean 'torchscript'?",
    ),
    "exporters": (
        "[cases]\nexporters = []\n",
        "cases.exporters: is an empty list; leave the key out or name at least one",
    ),
    "exporter twice": (
        '[cases]\nexporters = ["dynamo", "dynamo"]\n',
        "cases.exporters[1]: 'dynamo' is listed twice",
    ),
    "runner": (
        '[cases]\nrunners = ["onnxruntime-cpi"]\n',
        "cases.runners[0]: unknown runner 'onnxruntime-cpi'; did you mean 'onnxruntime-cpu'?",
    ),
    "runners": ("[cases]\nrunners = []\n", "cases.runners: is an empty list; leave the key out or name at least one"),
    "precision": (
        '[cases]\nprecisions = ["fp32", "half"]\n',
        "cases.precisions[1]: unknown precision 'half'; choose from: fp16, fp16-run, fp32",
    ),
    "precision twice": (
        '[cases]\nprecisions = ["fp16", "fp16"]\n',
        "cases.precisions[1]: 'fp16' is listed twice",
    ),
    "precisions": ('[cases]\nprecisions = "fp16"\n', "cases.precisions: expected a list, got the string 'fp16'"),
    "half": ("[tolerances]\nfp16 = { rtol = 1e-2 }\n", "tolerances.fp16.atol: is required"),
    "half type": ("[tolerances]\nfp16 = 1e-2\n", "tolerances.fp16: expected a table, got the number 0.01"),
    "half key": (
        "[tolerances.fp16]\nrtol = 1\natoll = 1\natol = 1\n",
        "tolerances.fp16.atoll: unknown key; did you mean 'atol'?",
    ),
    "half rtol": (
        "[tolerances.fp16]\nrtol = -1\natol = 1\n",
        "tolerances.fp16.rtol: must be a finite number, 0 or more, got -1.0",
    ),
    "half infinite": (
        "[tolerances.fp16]\nrtol = 1\natol = inf\n",
        "tolerances.fp16.atol: must be a finite number, 0 or more, got inf",
    ),
    "no half": (
        "[tolerances.fp16]\nrtol = 0\natol = 0\n",
        "tolerances.fp16: rtol and atol are both 0; at least one must be above",
    ),
    "opset": ("[cases]\nopsets = [13, 31]\n", "cases.opsets[1]: opset 31 is out of range 7 to 30"),
    "opset low": (
        "[cases.opsets]\ntorchscript = [6]\ndynamo = [18]\n",
        "cases.opsets.torchscript[0]: opset 6 is out of range 7 to 30",
    ),
    "opset type": (
        '[cases]\nopsets = ["13"]\n',
        "cases.opsets[0]: expected a whole number, got the string '13'",
    ),
    "opsets": ("[cases]\nopsets = 13\n", "cases.opsets: expected a table or a list, got the number 13"),
    "opset exporter": (
        "[cases.opsets]\ntorchscript = [13]\ndynamo = [18]\ndinamo = [18]\n",
        "cases.opsets.dinamo: unknown exporter 'dinamo'; did you mean 'dynamo'?",
    ),
    "opsets incomplete": (
        "[cases.opsets]\ntorchscript = [13]\n",
        ("cases.opsets: says nothing of exporter 'dynamo'; add dynamo = [18], or name cases.exporters without it"),
    ),
    "expect": (
        '[expect]\ngood = ["py38-torch2.4.1"]\n',
        "expect.good[0]: no combination 'py38-torch2.4.1'; did you mean 'py38-torch2.4.0'?",
    ),
    "expect twice": (
        '[expect]\ngood = ["py38-torch2.4.0", "py38-torch2.4.0"]\n',
        "expect.good[1]: 'py38-torch2.4.0' is listed twice",
    ),
}


@pytest.mark.parametrize(("text", "expected"), TABLE_PROBLEMS.values(), ids=TABLE_PROBLEMS)
def test_a_problem_of_a_table(problems, text, expected):
    assert problems(text + COMBINATION + PROBES) == [expected]


PROBE_PROBLEMS = {
    "none": ("", "probes: names no probe; add judge = [...] with at least one"),
    "empty": ("[probes]\njudge = []\n", "probes: names no probe; add judge = [...] with at least one"),
    "key": ("[probes]\njudges = []\n", "probes.judges: unknown key; did you mean 'judge'?"),
    "type": ('[probes]\njudge = "op_one"\n', "probes.judge: expected a list, got the string 'op_one'"),
    "name": (
        '[probes]\njudge = ["op_oen"]\n',
        "probes.judge[0]: unknown probe 'op_oen'; did you mean 'op_one'?",
    ),
    "glob": (
        '[probes]\nalso = ["ops_*"]\n',
        "probes.also[0]: 'ops_*' matches no built-in probe; choose from: net, op_one, op_two",
    ),
    "twice": (
        '[probes]\njudge = ["net"]\nalso = ["net"]\n',
        "probes.also[0]: 'net' is already in probes.judge[0] as 'net'; name it once",
    ),
    "two globs": (
        '[probes]\njudge = ["op_one*"]\nalso = ["op_[o]*"]\n',
        "probes.also[0]: 'op_one' is already in probes.judge[0] as 'op_one'; name it once",
    ),
    "too long a name": (
        f'[probes]\njudge = ["{"x" * 300}/y.py"]\n',
        f"probes.judge[0]: no file '{'x' * 300}/y.py' in TMP or the current folder",
    ),
    "stem": (
        '[probes]\njudge = ["net", "sub/net.py"]\n',
        "probes.judge[1]: 'sub/net.py' is already in probes.judge[0] as 'net'; name it once",
    ),
}


@pytest.mark.parametrize(("text", "expected"), PROBE_PROBLEMS.values(), ids=PROBE_PROBLEMS)
def test_a_problem_of_the_probes(problems, tmp_path, text, expected):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.py").touch()
    assert problems(COMBINATION + text) == [expected.replace("TMP", str(tmp_path))]


def test_a_missing_probe_file_names_its_neighbours(problems, tmp_path):
    (tmp_path / "mine.py").touch()
    assert problems(COMBINATION + '[probes]\njudge = ["mein.py"]\n') == [
        f"probes.judge[0]: no file 'mein.py' in {tmp_path} or the current folder; did you mean 'mine.py'?"
    ]


def test_a_syntax_error_names_its_line(problems):
    assert problems("\nx = \n") == ["is not valid TOML: Invalid value (at line 2, column 5)"]


def test_nesting_without_end_is_a_syntax_error(problems):
    assert problems("x = " + "[" * 5000) == ["is not valid TOML: nested too deeply"]


def test_a_file_that_is_not_utf8_says_where(problems):
    assert problems(b"# \xff\n") == ["is not UTF-8 text (byte 2); save it as UTF-8"]


def test_a_folder_is_no_matrix(tmp_path):
    with pytest.raises(MatrixFileError, match="is a folder; name a TOML file in it"):
        read_matrix(tmp_path)


def test_one_of_the_tolerances_may_be_0(read):
    assert read(COMBINATION + PROBES + "[tolerances]\nrtol = 0\n").tolerances.rtol == 0


def test_a_number_too_long_for_python_is_a_problem(problems):
    assert problems(f"x = {'9' * 5000}\n")[0].startswith("is not valid TOML: ")


def test_a_matrix_is_found_by_its_path_or_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matrices" / "folder.toml").mkdir(parents=True)
    for name in ("matrices/mine.toml", "matrices/a.b.toml", "here.toml"):
        (tmp_path / name).touch()
    found = {name: find_matrix(name).as_posix() for name in ("mine", "a.b", "here.toml", "matrices/mine.toml")}
    assert found == {
        "mine": "matrices/mine.toml",
        "a.b": "matrices/a.b.toml",
        "here.toml": "here.toml",
        "matrices/mine.toml": "matrices/mine.toml",
    }
    for name in ("folder", "matrices/folder.toml", "matrices"):
        with pytest.raises(MatrixFileError, match="is a folder; name a TOML file in it"):
            find_matrix(name)
    for name in ("mien", "here", "matrices/mien.toml", "", "matrices/mine"):
        with pytest.raises((MatrixNotFoundError, MatrixFileError)):
            find_matrix(name)


def test_a_path_through_a_file_cannot_be_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MatrixFileError, match="cannot be read: Not a directory"):
        read_matrix(tmp_path / "file" / "m.toml")


def test_an_absent_matrix_suggests_those_of_the_matrices_folder(tmp_path, monkeypatch):
    (tmp_path / "matrices").mkdir()
    (tmp_path / "matrices" / "default.toml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MatrixNotFoundError, match=r"did you mean 'matrices/default\.toml'\?"):
        read_matrix("matrices/defualt.toml")


def test_the_table_on_disk_has_the_keys_and_defaults_of_cases():
    assert msgspec.structs.asdict(CasesTable()) == msgspec.structs.asdict(Cases())
    names = [[field.name for field in msgspec.structs.fields(struct)] for struct in (CasesTable, Cases)]
    assert names[0] == names[1]


@pytest.mark.parametrize("file", sorted(MATRICES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_matrices_of_this_repository_can_be_read(file):
    assert read_matrix(file).rows
