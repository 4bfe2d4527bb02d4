"""The release at which a stand-in model breaks, found with real environments from an index on this machine."""

import json

import fake_packages
import pytest

from matrixscan import commands
from matrixscan.commands.bisecting import EndsError
from matrixscan.errors import UnknownNameError

NUMPY = f"numpy=={fake_packages.NUMPY}"
TORCHES = [f"900.{minor}" for minor in range(1, 9)]
RUNTIMES = [f"900.{minor}" for minor in range(1, 6)]
AXES = {"python": ["3.8"], "torch": ["900.1", "900.8"], "onnx": ["900.1"], "onnxruntime": ["900.1", "900.5"]}
GOOD, BAD = "py38-torch900.1-onnx900.1-ort900.1", "py38-torch900.8-onnx900.1-ort900.5"


@pytest.fixture
def place(dated):
    dated.matrix(plan="joint", probes=("mixed",), axes=AXES, tables="[limits]\ndiagnose-seconds = 0\n")
    return dated


def publish(place, torch_from="99", runtime_from="99", refused="none"):
    """Publish releases of which those of torch and of the runner are wrong from some minor release on."""
    since = 'int(VERSION.split(".")[1]) >= '
    for version in TORCHES:
        files = dict(fake_packages._torch_files(version))
        export = files["torch/onnx/__init__.py"]
        export = export.replace('VERSION == "900.2"', since + torch_from)
        # Fails otherwise than by being wrong, so that it says nothing.
        files["torch/onnx/__init__.py"] = export.replace(
            'model.kind == "refused" and VERSION == "900.1"', f'VERSION == "{refused}"'
        )
        place.packages.release("torch", version, "2023-08-01", files=files, requires=[NUMPY])
    onnx = {"onnx/__init__.py": fake_packages._ONNX.replace("@VERSION@", "900.1")}
    place.packages.release("onnx", "900.1", "2023-08-01", files=onnx, requires=[NUMPY])
    for version in RUNTIMES:
        source = fake_packages._RUNTIME.replace("@VERSION@", version)
        source = source.replace('__version__ == "900.2"', since.replace("VERSION", "__version__") + runtime_from)
        files = {"onnxruntime/__init__.py": source}
        place.packages.release("onnxruntime", version, "2023-08-01", files=files, requires=[NUMPY])


def bisect(place, probe, good=GOOD, bad=BAD, **more):
    place.notices.clear()
    request = place.request(probes=(probe,))
    return commands.bisect(request, good, bad, place.notices.append, as_json=True, **more)


@pytest.mark.slow
def test_the_release_of_torch_is_found_and_seen_twice_and_kept(place):
    publish(place, torch_from="6")
    outcome = bisect(place, "mixed/bad-export")
    found = json.loads(outcome.text)
    assert outcome.exit_code == 0
    assert found["confirmed"]
    assert found["words"] == (
        "mixed/bad-export: compare: mismatch with torch 900.6, not with torch 900.5; "
        "beside python 3.8, onnx 900.1, onnxruntime 900.1."
    )
    assert (found["releases"], found["bound"]) == (8, 6)
    assert len(found["steps"]) <= found["bound"]
    twice = {step["id"] for step in found["steps"] if len(step["verdicts"]) == 2}
    assert twice == {f"py38-torch900.{minor}-onnx900.1-ort900.1" for minor in (5, 6)}
    # What was measured is used again; only the two neighbours are looked at once more.
    again = json.loads(bisect(place, "mixed/bad-export").text)
    assert again["words"] == found["words"]
    assert set(place.worked_on) == twice
    assert not (place.root / "reports").exists()


@pytest.mark.slow
def test_the_release_of_the_runner_is_found_in_either_direction(place):
    publish(place, runtime_from="3")
    found = json.loads(bisect(place, "mixed/bad-run").text)
    assert "with onnxruntime 900.3, not with onnxruntime 900.2" in found["words"]
    ends = (f"python=3.8,torch=900.1,onnx=900.1,onnxruntime={version}" for version in ("900.2", "900.5"))
    found = json.loads(bisect(place, "mixed/bad-run", *ends).text)
    assert "with onnxruntime 900.3, not with onnxruntime 900.2" in found["words"]
    assert len(found["steps"]) <= found["bound"] == 2 + 2


@pytest.mark.slow
def test_a_release_that_fails_in_another_way_says_nothing_and_is_named(place):
    publish(place, torch_from="5", refused="900.4")
    request = place.request(probes=("mixed/bad-export",))
    text = commands.bisect(request, GOOD, BAD, place.notices.append).text
    assert "compare: mismatch with torch 900.5, not with torch 900.3" in text
    assert "Between the two nothing could be told: py38-torch900.4-onnx900.1-ort900.1." in text
    assert "Both neighbours were measured again and came out the same." in text


def test_ends_that_come_out_otherwise_are_refused_and_say_what_they_are(place):
    publish(place)
    with pytest.raises(
        EndsError, match=r"torch900.8.* was to be bad and is good; choose another combination for --bad"
    ):
        bisect(place, "mixed/plain")


def test_what_is_asked_is_checked_before_anything_is_measured(place):
    publish(place)
    asked = (
        ({"probe": "mixed", "good": "py38-torch900.1-onnx900.1-ort900.2"}, EndsError, "did you mean"),
        ({"probe": "mixed", "bad": GOOD}, EndsError, "are the same combination"),
        ({"probe": "mixed", "good": "torch=900.1"}, EndsError, "python is missing"),
        ({"probe": "mixed", "good": "python=3.8,torch=new"}, EndsError, "torch has no exact version"),
        (
            {"probe": "mixed", "good": "python=3.8,torch=900.1", "bad": "python=3.8,torch=900.8"},
            EndsError,
            "'python=3.8,torch=900.1' lacks what is needed to run mixed: onnx, onnxruntime or onnxruntime-gpu",
        ),
        (
            {"probe": "mixed", "bad": "python=3.8,torch=900.8,onnx=900.1"},
            EndsError,
            "'.*torch=900.8.*' lacks .* onnxrun",
        ),
        ({"probe": "mixed/plane"}, UnknownNameError, "unknown variant of mixed 'plane'; did you mean 'plain'"),
        (
            {"probe": "mixed", "lane": "dynamo"},
            UnknownNameError,
            "unknown lane of mixed 'dynamo'; choose from: torchsc",
        ),
    )
    for more, error, words in asked:
        with pytest.raises(error, match=words):
            bisect(place, **more)
    assert place.worked_on == []
