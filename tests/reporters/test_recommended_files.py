"""The files of a recommendation, whole, as golden texts; the schema of the one for programs."""

import json
from pathlib import Path

import msgspec
import pytest

from matrixscan import commands
from matrixscan.analysis.recommended import Recommended
from matrixscan.errors import UnknownNameError
from matrixscan.reporters._constraints import render_pyproject
from matrixscan.reporters._recommended import render_recommended

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
FIX = "run: python -m matrixscan schema recommended > docs/recommended.schema.json"
LOCK = """\
# Pins with hashes for a test. Install with --require-hashes.
# matrixscan-inputs: 1234
# matrixscan-torch: cpu
torch==1.11.0+cpu \\
    --hash=sha256:aaaa
"""


@pytest.fixture
def found(record_samples, certified_samples):
    return certified_samples.sample(record_samples)


@pytest.fixture
def texts(found):
    recommended, packages = found
    return render_recommended(recommended, packages, {each.id: LOCK for each in recommended.combinations})


def test_the_files_are_those_that_are_promised(texts, record_samples):
    name = record_samples.PASSED
    assert sorted(texts) == sorted(
        ["badge.json", "recommended.json", "recommended.md", f"constraints-{name}.txt", f"lock-{name}.txt"]
    )


@pytest.mark.parametrize("name", ["recommended.md", "recommended.json", "badge.json", "constraints.txt", "lock.txt"])
def test_the_whole_text_is_the_golden_one(name, texts, record_samples):
    kind, _, suffix = name.partition(".")
    file = f"{kind}-{record_samples.PASSED}.{suffix}" if suffix == "txt" else name
    assert texts[file] == (GOLDEN / name).read_text()


def test_where_nothing_is_certified_the_badge_says_so(found, texts):
    recommended, packages = found
    nothing = msgspec.structs.replace(
        recommended,
        combinations=(),
        audiences=tuple(msgspec.structs.replace(each, combinations=()) for each in recommended.audiences),
    )
    texts = render_recommended(nothing, packages, {})
    assert sorted(texts) == ["badge.json", "recommended.json", "recommended.md"]
    assert json.loads(texts["badge.json"])["message"] == "nothing certified"
    assert "none is certified" in texts["recommended.md"]


def test_many_scopes_with_one_answer_share_a_row(found):
    recommended, packages = found
    first = recommended.audiences[0]
    scopes = [msgspec.structs.replace(first, scope=f"op_{number}/default") for number in range(300)]
    many = msgspec.structs.replace(recommended, audiences=(first, *scopes))
    text = render_recommended(many, packages, {each.id: LOCK for each in many.combinations})["recommended.md"]
    table = text.split("## For whom")[1].split("## ")[0]
    assert "and 289 more" in table
    assert len(table) < 2000


def test_words_of_others_cannot_break_the_page(found):
    recommended, packages = found
    refused = msgspec.structs.replace(recommended.not_certified[0], reasons=("a|b `c` <d>\nsecond",))
    changed = msgspec.structs.replace(recommended, not_certified=(refused,))
    texts = render_recommended(changed, packages, {each.id: LOCK for each in changed.combinations})
    assert "a\\|b \\`c\\` &lt;d> second" in texts["recommended.md"]


def test_a_pyproject_pins_the_axes_and_constrains_the_rest(found):
    import tomllib

    recommended, packages = found
    (best,) = recommended.combinations
    table = tomllib.loads(render_pyproject(best, packages[best.id]))
    assert table["project"]["dependencies"] == ["torch==1.11.0", "onnx==1.14.1", "onnxruntime==1.16.1"]
    assert table["project"]["requires-python"] == "==3.8.*"
    assert table["tool"]["uv"]["constraint-dependencies"] == ["typing-extensions==4.1"]


def test_the_schema_is_current_and_closed():
    assert (ROOT / "docs/recommended.schema.json").read_text() == commands.schema_text("recommended"), FIX
    schema = json.loads(commands.schema_text("recommended"))
    closed = [name for name, table in schema["$defs"].items() if table.get("additionalProperties") is False]
    assert {"Combination", "Audience", "Refused"} <= set(closed)
    with pytest.raises(UnknownNameError, match="did you mean 'recommended'"):
        commands.schema_text("recomended")


def published():
    return sorted((ROOT / "reports").glob("*/recommended.json"))


def test_some_matrix_has_recommendations():
    assert ROOT / "reports/smoke/recommended.json" in published()


@pytest.mark.parametrize("path", published(), ids=lambda path: path.parent.name)
def test_published_recommendations_are_what_the_schema_says_and_have_their_files(path):
    document = msgspec.json.decode(path.read_bytes(), type=Recommended)
    files = [name for each in document.combinations for name in each.files.values()]
    beside = {file.name for pattern in ("lock-*.txt", "constraints-*.txt") for file in path.parent.glob(pattern)}
    assert set(files) == beside
    badge = json.loads((path.parent / "badge.json").read_text())
    assert {"schemaVersion", "label", "message", "color"} == set(badge)
