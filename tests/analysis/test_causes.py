import collections
import functools
import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from record_samples import case, record, replace

from matrixscan.analysis.blame import WHOSE
from matrixscan.analysis.cause_match import Cause, When
from matrixscan.analysis.causes import causes_of, causes_of_cases, causes_of_stage, load_causes, versions_of
from matrixscan.analysis.causes_file import OURS
from matrixscan.analysis.judge import BAD_OUTCOMES, settle_cases
from matrixscan.errors import CausesFileError
from matrixscan.matrix.controls import CONTROL
from matrixscan.records.types import Error, Lock, StageRecord
from matrixscan.store.published import published_records

ROOT = Path(__file__).parent.parent.parent
CAUSES = load_causes()
FAILED = {"outcome": "failed", "stage": "compare", "reason": "mismatch"}

_spec = importlib.util.spec_from_file_location("update_known_causes", ROOT / "docs/update_known_causes.py")
page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)

ENTRY = """
[[cause]]
id = "{id}"
title = "T"
cause = "C"
fix = "F"
whose = "exporter"
{more}
[cause.when]
{when}
"""


@functools.cache
def published(matrix):
    """Return (record, settled cases, matches) of every record of a published matrix of joint records."""
    found = []
    for record_ in published_records(ROOT / "reports" / matrix):
        cases = settle_cases(record_.cases)
        found.append((record_, cases, causes_of_cases(CAUSES, versions_of(record_), cases)))
    return found


def matrices():
    folders = sorted((ROOT / "reports").iterdir())
    return [folder.name for folder in folders if (folder / "records").is_dir() or (folder / "cases.parquet").is_file()]


def written(tmp_path, *, name="mine", when='stage = "run"', more=""):
    path = tmp_path / "known_causes.toml"
    path.write_text(ENTRY.format(id=name, when=when, more=more), encoding="utf-8")
    return path


def cause(general=False, **when):
    return Cause("x", "t", "c", "f", "exporter", When(**when), general=general)


def first(operation="", operator=None, nodes=(), arguments=None, attributes=None):
    node = operator and SimpleNamespace(op_type=operator, attributes=attributes or {})
    each = [SimpleNamespace(op_type=name, attributes={}) for name in nodes]
    diverges = SimpleNamespace(operation=operation, arguments=arguments or {}, node=node, nodes=each)
    return SimpleNamespace(first=diverges)


def certainty(entry, failing, diagnosis=None, versions=None, operators=()):
    holding = replace(failing, facts={"operators": dict.fromkeys(operators, 1)})
    found = causes_of([entry], versions or {}, holding, diagnosis)
    return found[0].certainty if found else None


# ---- Our own entries, by what is published


def test_there_are_many_and_each_says_whether_it_was_seen():
    assert len(CAUSES) >= 40
    assert all(bool(entry.verified) != bool(entry.unverified) for entry in CAUSES)
    assert sum(bool(entry.verified) for entry in CAUSES) >= 25
    assert {entry.whose for entry in CAUSES} <= set(WHOSE)


@pytest.mark.parametrize("entry", [entry for entry in CAUSES if entry.verified], ids=lambda entry: entry.id)
def test_what_an_entry_names_as_seen_is_explained_by_it(entry):
    for reference in entry.verified:
        cells = {record_.id: matches for record_, _, matches in published(reference.matrix)}
        certain = [match.cause.id for match in cells[reference.cell][reference.case] if match.certainty == "certain"]
        assert entry.id in certain, reference


def test_every_entry_that_was_seen_explains_cases_and_no_other_does():
    counts = collections.Counter(
        match.cause.id
        for matrix in matrices()
        for _, _, matches in published(matrix)
        for found in matches.values()
        for match in found
        if match.certainty == "certain"
    )
    assert {entry.id for entry in CAUSES if entry.verified} == set(counts)


@pytest.mark.parametrize("matrix", matrices())
def test_no_case_is_given_two_culprits_and_none_that_passed_a_cause(matrix):
    for record_, cases, matches in published(matrix):
        bad = {each.id for each in cases if each.outcome in BAD_OUTCOMES}
        assert set(matches) <= bad
        for name, found in matches.items():
            whose = {match.cause.whose for match in found if match.certainty == "certain"}
            assert len(whose) <= 1, (record_.id, name, [match.cause.id for match in found])


@pytest.mark.parametrize(("matrix", "share"), [("default", 0.95), ("seeds", 0.9), ("zoo", 1), ("opinfo", 1)])
def test_most_failing_cases_have_a_cause(matrix, share):
    asked = (each for _, cases, _ in published(matrix) for each in cases if each.probe != CONTROL)
    failing = [each for each in asked if each.outcome in BAD_OUTCOMES]
    explained = sum(len(matches) for _, _, matches in published(matrix))
    assert explained >= share * len(failing)


def test_the_field_reports_are_explained_by_what_happened_there():
    named = collections.defaultdict(set)
    for _, cases, matches in published("seeds"):
        for each in cases:
            named[each.probe, each.variant] |= {match.cause.id for match in matches.get(each.id, ())[:1]}
    assert named["campplus", "published"] == {"avg-pool-ceil", "avg-pool-ceil-opset-19"}
    assert named["campplus", "fixed"] == set()
    assert "fairseq-is-integer" in named["hubert_fairseq", "published"]
    assert "mask-of-fewer-axes" in named["hubert_fairseq", "patched"]
    assert {"pnnx-transposition-dropped", "pnnx-half-cut-off"} <= named["ecapa", "maskfree"] | named["ecapa", "flat"]
    assert named["sensevoice_vad_one_side", "default"] == {"one-side-only"}


def test_average_pooling_in_a_model_of_somebody_else_needs_a_diagnosis():
    facts = {"operators": {"AveragePool": 52}}
    failing = replace(case(probe="theirs", lane=("torchscript", 17)), **FAILED, facts=facts)
    versions = {"torch": "2.4.0+cu121", "onnxruntime": "1.19.2"}
    pooled = first("avg_pool1d", "AveragePool", attributes={"ceil_mode": 1, "count_include_pad": 1})
    plain = first("avg_pool1d", "AveragePool", attributes={"ceil_mode": 0, "count_include_pad": 1})

    def names(diagnosis=None, **more):
        found = causes_of(CAUSES, {**versions, **more}, failing, diagnosis)
        return [(match.cause.id, match.certainty) for match in found]

    assert ("avg-pool-ceil", "possible") in names()
    assert names(pooled) == [("avg-pool-ceil", "certain")]
    assert names(plain) == []
    assert names(pooled, onnxruntime="1.29.0") == []


# ---- Matching


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"stage": "compare", "reason": "mis*"}, True),
        ({"stage": "run"}, False),
        ({"opset": "<14, >=11"}, True),
        ({"opset": ">13"}, False),
        ({"error": r"Fault: .*\d+ left"}, True),
        ({"error": "other"}, False),
        ({"probe": "campplus/*"}, True),
        ({"probe": "campplus"}, False),
        ({"contains": "Conv"}, True),
        ({"contains": "LSTM"}, False),
        ({"versions": {"torch": "<2.4"}}, True),
        ({"versions": {"torch": ">=2.4"}}, False),
        ({"versions": {"ml-dtypes": ">=0"}}, False),
    ],
)
def test_every_condition_must_hold(when, fits):
    failing = replace(case(), **FAILED, error=Error("Fault", "only 3 left"))
    found = certainty(cause(**when), failing, versions={"torch": "2.3.1+cu121"}, operators={"Conv"})
    assert found == ("certain" if fits else None)


@pytest.mark.parametrize(
    ("diagnosis", "expected"),
    [
        (None, "possible"),
        (SimpleNamespace(first=None), "possible"),
        (first("pool", "AveragePool"), "certain"),
        (first("conv", "AveragePool"), None),
        (first("pool", "Conv"), None),
        (first("pool", None, nodes=["Pad", "AveragePool"]), "possible"),
        (first("pool", None, nodes=["Pad"]), None),
    ],
)
def test_a_signature_on_the_first_wrong_node_asks_a_diagnosis(diagnosis, expected):
    entry = cause(operator="AveragePool", torch_operation="pool*", contains="AveragePool")
    failing = replace(case(), **FAILED)
    assert certainty(entry, failing, diagnosis, operators={"AveragePool"}) == expected


def test_without_a_diagnosis_the_artifact_must_at_least_hold_the_operator():
    failing = replace(case(), **FAILED)
    assert certainty(cause(operator="Div", contains="Div"), failing, operators={"Conv"}) is None
    assert certainty(cause(operator="Div"), failing, operators={"Div"}) is None
    assert certainty(cause(operator="Div"), failing, first("mul", None, nodes=["Div", "Mul"])) is None


def test_an_argument_must_be_given():
    entry, failing = cause(argument="divisor"), replace(case(), **FAILED)
    assert certainty(entry, failing, first("pool", arguments={"divisor": 3})) == "certain"
    assert certainty(entry, failing, first("pool", arguments={"divisor": None})) is None


def test_models_that_show_nothing_else_need_no_diagnosis():
    failing = replace(case(probe="op_pool", variant="ceil"), **FAILED)
    entry = cause(operator="AveragePool", shown_by=("op_pool/*",))
    assert certainty(entry, failing) == "certain"
    assert certainty(entry, replace(failing, probe="theirs")) is None
    assert certainty(cause(shown_by=("op_pool/*",)), replace(failing, probe="theirs")) == "possible"


def test_the_more_specific_stands_first_and_a_fallback_last():
    failing = replace(case(), **FAILED, error=Error("E", "text"))
    general = cause(general=True, stage="compare", error="text", reason="mismatch")
    entries = [replace(general, id="general"), replace(cause(stage="compare"), id="plain"),
               replace(cause(stage="compare", error="text"), id="narrow")]  # fmt: skip
    assert [match.cause.id for match in causes_of(entries, {}, failing)] == ["narrow", "plain", "general"]


def test_a_possible_cause_is_named_only_where_none_is_certain():
    failing = replace(case(), **FAILED, facts={"operators": {"Div": 1}})
    maybe = cause(operator="Div", contains="Div")
    assert [match.certainty for match in causes_of([maybe], {}, failing)] == ["possible"]
    assert [match.certainty for match in causes_of([maybe, cause(stage="compare")], {}, failing)] == ["certain"]


def test_operators_are_those_of_the_artifact_whichever_case_wrote_it():
    wrote = replace(case(size={"t": 345}), **FAILED, facts={"operators": {"Div": 1}})
    other = replace(case(size={"t": 9}), **FAILED)
    found = causes_of_cases([cause(contains="Div")], {}, [wrote, other])
    assert set(found) == {wrote.id, other.id}


def test_an_environment_that_could_not_be_had_has_causes_too():
    lock = Lock("0" * 64, "locks/x.txt", "cpu", {"NumPy": "2.1.0"})
    broken = StageRecord("import", "failed", 1.0, Error("RuntimeError", "Numpy is not available"), None)
    whole = replace(record(stages=[broken]), lock=lock)
    assert versions_of(whole)["numpy"] == "2.1.0"
    assert [match.cause.id for match in causes_of_stage(CAUSES, whole, broken)] == ["numpy-2-with-old-torch"]
    assert causes_of_stage(CAUSES, whole, replace(broken, outcome="passed")) == ()


# ---- Files


def test_a_project_adds_entries_and_replaces_ours(tmp_path):
    assert load_causes(tmp_path / "absent.toml") == CAUSES
    added = load_causes(written(tmp_path))
    assert added[0].id == "mine"
    assert added[1:] == CAUSES
    replaced = load_causes(written(tmp_path, name="avg-pool-ceil"))
    assert [entry.title for entry in replaced if entry.id == "avg-pool-ceil"] == ["T"]
    assert len(replaced) == len(CAUSES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"when": 'error = "("'}, r"cause 'mine'\.when\.error: is not a regular expression"),
        ({"when": 'opset = "twelve"'}, r"cause 'mine'\.when\.opset: 'twelve' is not a comparison"),
        ({"when": 'torch = "new"'}, r"cause 'mine'\.when\.torch: unknown key, or 'new' is not a version specifier"),
        ({"when": 'exporters = "dynamo"'}, r"cause 'mine'\.when\.exporters: is neither .* did you mean 'exporter'"),
        ({"when": 'stage = "runs"'}, r"cause 'mine'\.when\.stage: unknown value 'runs'; did you mean 'run'"),
        ({"when": 'reason = "wrong"'}, r"cause 'mine'\.when\.reason: unknown value"),
        ({"when": "opset = 12"}, r"cause 'mine'\.when\.opset: expected a string, got the number 12"),
        ({"when": ""}, r"cause 'mine'\.when: expected a table of conditions"),
        ({"more": 'colour = "red"'}, r"cause 'mine'\.colour: unknown key"),
        ({"more": 'upstream = "see issue 5"'}, r"cause 'mine'\.upstream: is not an https address"),
        ({"more": 'verified = [{ matrix = "m" }]'}, r"cause 'mine'\.verified\[0\]\.cell: is required"),
        ({"name": "Mine!"}, r"cause 'Mine!'\.id: 'Mine!' is not of lowercase words"),
    ],
)
def test_a_bad_entry_is_named_with_its_key(tmp_path, change, said):
    path = written(tmp_path, **change)
    with pytest.raises(CausesFileError, match=said) as raised:
        load_causes(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cause = 3", "expected .*cause.* entries, got the number 3"),
        ("[[cause]]\nid = 'a'\n", r"cause 'a'\.title: is required"),
        ("[[causes]]\nid = 'a'\n", "causes: unknown key"),
        ("= 3", "is not valid TOML"),
        (2 * ENTRY.format(id="twice", when='stage = "run"', more=""), "cause 'twice': there are two entries"),
        (ENTRY.format(id="a", when='stage = "run"', more="").replace("exporter", "exporters"), "unknown value 'expor"),
    ],
)
def test_a_bad_file_says_what_is_wrong_with_it(tmp_path, text, said):
    path = tmp_path / "known_causes.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CausesFileError, match=said):
        load_causes(path)


# ---- The page


def test_the_page_is_the_one_the_entries_give():
    current = (ROOT / "docs/known-causes.md").read_text(encoding="utf-8")
    assert page.page(current, CAUSES) == current
    assert all(f"| `{entry.id}` |" in current for entry in CAUSES)


def test_the_page_names_every_key():
    current = (ROOT / "docs/known-causes.md").read_text(encoding="utf-8")
    keys = [name for name in When.__struct_fields__ if name != "versions"]
    assert [name for name in keys if f"`{name}`" not in current] == []


def test_the_example_of_the_page_is_one(tmp_path):
    text = (ROOT / "docs/known-causes.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    path = tmp_path / "known_causes.toml"
    path.write_text(example, encoding="utf-8")
    assert load_causes(path)[0].when.versions == {"onnxruntime": "<1.21"}


def test_our_file_lists_the_specific_before_the_general():
    text = OURS.read_text(encoding="utf-8")
    assert text.count("[[cause]]") == len(CAUSES)
