"""How far a stand-in torch can be upgraded, found with real environments from an index on this machine."""

import json

import fake_packages
import pytest

from matrixscan import commands
from matrixscan.commands.upgrading import PinsLackError, PythonUnsaidError, parse_pins
from matrixscan.errors import UnknownNameError

NUMPY = f"numpy=={fake_packages.NUMPY}"
AXES = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
PINS = """\
# our pins
torch==900.1   # do not move without asking
onnx == 900.1
onnxruntime==900.1 ; python_version < "4"
"""


@pytest.fixture
def place(dated):
    dated.matrix(plan="joint", probes=("good",), axes=AXES, tables="[limits]\ndiagnose-seconds = 0\n")
    dated.write("requirements.txt", PINS)
    return dated


def publish(place, torches, runtimes, torch_works="True", runtime_works="True"):
    """Publish releases; what works is an expression over `minor`, in the runner also over `made`, torch's own minor."""
    for minor in torches:
        files = dict(fake_packages._torch_files(f"900.{minor}"))
        export = files["torch/onnx/__init__.py"].replace(
            'wrong = model.kind == "bad-export" and VERSION == "900.2"', f"minor = {minor}; wrong = not ({torch_works})"
        )
        files["torch/onnx/__init__.py"] = export.replace(
            '"opset": opset_version', f'"opset": opset_version, "made": {minor}'
        )
        place.packages.release("torch", f"900.{minor}", f"2023-0{minor}-01", files=files, requires=[NUMPY])
    onnx = {"onnx/__init__.py": fake_packages._ONNX.replace("@VERSION@", "900.1")}
    place.packages.release("onnx", "900.1", "2023-01-01", files=onnx, requires=[NUMPY])
    for minor in runtimes:
        source = fake_packages._RUNTIME.replace("@VERSION@", f"900.{minor}").replace(
            'wrong = self.made["kind"] == "wrong"',
            f'minor, made = {minor}, self.made["made"]; wrong = not ({runtime_works}) or self.made["kind"] == "wrong"',
        )
        files = {"onnxruntime/__init__.py": source}
        place.packages.release("onnxruntime", f"900.{minor}", f"2023-0{minor}-01", files=files, requires=[NUMPY])


def upgrade(place, file="requirements.txt", package="torch", **more):
    place.notices.clear()
    return commands.upgrade_pins(file, package, place.request(), place.notices.append, python="3.8", **more)


@pytest.mark.slow
def test_the_newest_release_that_works_is_reached_and_written(place):
    publish(place, (1, 2, 3), (1,), torch_works="minor < 3")
    outcome = upgrade(place, write=True)
    assert outcome.exit_code == 0, outcome.text
    assert "now: python 3.8, torch 900.1, onnx 900.1, onnxruntime 900.1: good" in outcome.text
    assert "torch can go to 900.2, one package at a time:" in outcome.text
    assert "1. torch 900.2   (good: py38-torch900.2-onnx900.1-ort900.1)" in outcome.text
    assert "Nothing good leads to torch 900.3." in outcome.text
    text = (place.root / "requirements.txt").read_text(encoding="utf-8")
    assert text == PINS.replace("torch==900.1", "torch==900.2")
    # What was measured is used again.
    again = upgrade(place)
    assert "stays at 900.2" in again.text
    assert place.worked_on == []


@pytest.mark.slow
def test_packages_that_only_fit_each_other_are_moved_together(place):
    publish(place, (1, 2), (1, 2), runtime_works="minor == made")
    found = json.loads(upgrade(place, as_json=True).text)
    assert found["steps"] == [{"torch": "900.2", "onnxruntime": "900.2"}]
    assert found["upgrade"]["at_once"] == 2
    assert (place.root / "requirements.txt").read_text(encoding="utf-8") == PINS


@pytest.mark.slow
def test_what_the_file_does_not_mention_is_said_and_not_written(place):
    publish(place, (1, 2), (1, 2), runtime_works="minor == made")
    place.write("short.txt", "torch==900.1\nonnx==900.1\n")
    outcome = upgrade(place, "short.txt", more={"onnxruntime": "900.1"}, write=True)
    assert (place.root / "short.txt").read_text(encoding="utf-8") == "torch==900.2\nonnx==900.1\n"
    assert "not in the file, so add by hand: onnxruntime" in outcome.text


@pytest.mark.slow
def test_where_nothing_newer_works_it_ends_with_1_and_writes_nothing(place):
    publish(place, (1, 2), (1,), torch_works="minor < 2")
    outcome = upgrade(place, write=True)
    assert outcome.exit_code == 1
    assert "torch stays at 900.1: no newer release was seen to work." in outcome.text
    assert (place.root / "requirements.txt").read_text(encoding="utf-8") == PINS


@pytest.mark.slow
def test_the_newest_release_needs_no_upgrade(place):
    publish(place, (1,), (1,))
    outcome = upgrade(place)
    assert (outcome.exit_code, "torch 900.1 is the newest there is for this Python." in outcome.text) == (0, True)


def test_what_the_pins_leave_open_is_named_before_anything_is_measured(place):
    publish(place, (1,), (1,))
    place.write("loose.txt", "torch>=900\nonnx==900.1\n")
    with pytest.raises(PinsLackError) as caught:
        upgrade(place, "loose.txt")
    assert "torch is only said to be >=900; pin it exactly, or add --pin torch==VERSION" in str(caught.value)
    assert "onnxruntime is not pinned" in str(caught.value)
    assert place.worked_on == []


def test_a_pin_beside_the_file_is_refused_where_the_file_says_otherwise(place):
    publish(place, (1, 2), (1,))
    with pytest.raises(
        PinsLackError, match=r"torch is pinned to 900\.1, and --pin says 900\.2; change the file"
    ) as caught:
        upgrade(place, more={"torch": "900.2", "onnx": "900.1"})
    assert "onnx" not in str(caught.value).partition("torch")[2]
    assert place.worked_on == []


def test_pins_that_cannot_be_installed_on_a_python_that_nobody_named_ask_for_it(place):
    publish(place, (1, 2), (1,))
    place.write("old.txt", PINS.replace("torch==900.1", "torch==900.0"))
    with pytest.raises(PythonUnsaidError, match=r"cannot be installed \(resolve: .*; add --python VERSION"):
        commands.upgrade_pins("old.txt", "torch", place.request(), place.notices.append)
    assert place.worked_on == []


def test_a_pin_beside_the_file_is_a_name_and_a_version():
    assert parse_pins(["onnx==1.16.1", "Onnxruntime_GPU==1.2"]) == {"onnx": "1.16.1", "onnxruntime-gpu": "1.2"}
    with pytest.raises(UnknownNameError, match="NAME==VERSION"):
        parse_pins(["onnx>=1"])
