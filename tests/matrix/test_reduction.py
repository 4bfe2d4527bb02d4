import pytest

from matrixscan.errors import MatrixFileError
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.reduction import STRATEGIES

AXES = '[probes]\njudge = ["net"]\n[axes]\npython = ["3.8", "3.9"]\ntorch = ["2.0.0", "2.1.0"]\n'


@pytest.fixture
def read(tmp_path):
    def _read(text):
        (tmp_path / "m.toml").write_text(text)
        return read_matrix(tmp_path / "m.toml", probe_names=["net"])

    return _read


def test_a_matrix_that_says_nothing_is_joint_and_whole(read):
    matrix = read(AXES)
    assert (matrix.plan, matrix.strategy, matrix.reduction.seeds, matrix.reduction.budget) == (
        "joint",
        "full",
        (),
        None,
    )


def test_what_is_said_reaches_the_matrix(read):
    matrix = read(
        'plan = "factored"\nstrategy = "boundary"\n'
        + AXES
        + '[reduction]\nbudget = 9\nbaseline = { python = "3.8" }\nseeds = [{ torch = "2.1", python = "3.9" }]\n'
    )
    assert (matrix.plan, matrix.strategy) == ("factored", "boundary")
    assert matrix.reduction.budget == 9
    assert matrix.reduction.seeds == ({"python": "3.9", "torch": "2.1"},)
    assert matrix.reduction.baseline == {"python": "3.8"}


@pytest.mark.parametrize("strategy", [*STRATEGIES, "t-wise:1", "t-wise:12"])
def test_every_strategy_is_known(read, strategy):
    assert read(f'strategy = "{strategy}"\n' + AXES + '[reduction]\nbaseline = { torch = "2.0.0" }\n').rows


HEAD = {
    "plan": ('plan = "joined"', "plan: unknown value 'joined'; did you mean 'joint'?"),
    "plan type": ("plan = 1", "plan: expected one of 'joint', 'factored', got the number 1"),
    "strategy": ('strategy = "pairs"', "strategy: unknown value 'pairs'; did you mean 'pairwise'?"),
    "t": ('strategy = "t-wise:0"', "strategy: unknown value 't-wise:0'; did you mean 't-wise:3'?"),
    "strategy type": ("strategy = 2", "strategy: expected a string, got the number 2"),
    "baseline": (
        'strategy = "one-at-a-time"',
        "reduction.baseline: one-at-a-time needs the row that others differ from; name its versions",
    ),
}


@pytest.mark.parametrize(("text", "expected"), HEAD.values(), ids=HEAD)
def test_a_problem_of_plan_and_strategy(read, text, expected):
    with pytest.raises(MatrixFileError) as caught:
        read(f"{text}\n{AXES}")
    assert list(caught.value.problems) == [expected]


TABLE = {
    "budget": ("budget = 0", "reduction.budget: must be 1 or more, got 0"),
    "seed": (
        'seeds = [{ torch = "2.0.0" }, { torch = "2.2.0" }]',
        "reduction.seeds[1]: matches no row of the matrix; no row has torch 2.2.0; did you mean '2.1.0'?",
    ),
    "baseline": (
        'baseline = { onnx = "1.0" }',
        "reduction.baseline: matches no row of the matrix; no row has the axis 'onnx'",
    ),
    "range": (
        'seeds = [{ torch = ">=2" }]',
        "reduction.seeds[0].torch: '>=2' is not an exact PEP 440 version (for example 2.4.0)",
    ),
    "empty": ("seeds = [{}]", "reduction.seeds[0]: is empty; name at least one axis"),
    "slip": ("seed = []", "reduction.seed: unknown key; did you mean 'seeds'?"),
    "axis": (
        'seeds = [{ trch = "2.0.0" }]',
        (
            "reduction.seeds[0].trch: unknown axis; did you mean 'torch'? "
            '(a package really called that goes into packages = ["trch"])'
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), TABLE.values(), ids=TABLE)
def test_a_problem_of_the_reduction(read, text, expected):
    with pytest.raises(MatrixFileError) as caught:
        read(f"{AXES}[reduction]\n{text}\n")
    assert list(caught.value.problems) == [expected]


def test_a_seed_whose_versions_never_meet_is_a_problem(read):
    rule = '[[exclude]]\npython = "3.8"\ntorch = "2.1.0"\n'
    with pytest.raises(MatrixFileError, match="its versions never meet in one row"):
        read(AXES + rule + '[reduction]\nseeds = [{ python = "3.8", torch = "2.1.0" }]\n')
