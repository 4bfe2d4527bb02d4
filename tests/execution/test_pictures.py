"""A picture shows where two images differ."""

import io
import types

import msgspec
import numpy as np
import pytest
from PIL import Image

from matrixscan.execution.pictures import draw_pictures, heat_map_png
from matrixscan.records.types import CaseRecord, OutputMetrics
from matrixscan.store.reports import Reports

HEIGHT, WIDTH, GAP = 20, 30, 8


def panels(png):
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    starts = [at * (WIDTH + GAP) for at in range(3)]
    return [image[:HEIGHT, start : start + WIDTH] for start in starts]


def pair(channels=3):
    expected = np.random.RandomState(0).uniform(-1, 2, (channels, HEIGHT, WIDTH)).astype(np.float32)
    actual = expected.copy()
    actual[0, 4:9, 10:25] += 0.5
    actual[0, 4, 10] += 1.5
    return expected, actual


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_third_panel_is_bright_where_they_differ_and_black_elsewhere(channels):
    left, middle, heat = panels(heat_map_png(*pair(channels), "words"))
    brightness = heat.sum(-1)
    differs = np.zeros((HEIGHT, WIDTH), bool)
    differs[4:9, 10:25] = True
    assert (brightness[~differs] == 0).all()
    assert (brightness[differs] > 100).all()
    assert brightness[4, 10] == 3 * 255
    assert np.array_equal(left[~differs], middle[~differs])
    assert not np.array_equal(left[differs], middle[differs])


def test_brightness_grows_with_the_difference():
    expected = np.zeros((1, HEIGHT, WIDTH), np.float32)
    actual = np.broadcast_to(np.linspace(0, 1, WIDTH, dtype=np.float32), (1, HEIGHT, WIDTH))
    brightness = panels(heat_map_png(expected, actual, ""))[2][0].sum(-1)
    assert (np.diff(brightness) > 0).all()


def test_equal_constant_and_undefined_pictures_can_be_drawn():
    same = np.ones((3, HEIGHT, WIDTH), np.float32)
    assert not panels(heat_map_png(same, same, ""))[2].any()
    holes = pair()[0]
    holes[0, 0, 0] = np.nan
    assert not panels(heat_map_png(holes, holes, ""))[2].any()


class Run:
    """What draw_pictures needs of a cell that ran."""

    def __init__(self, root):
        self.folder = root / "work"
        self.reports = Reports(root / "reports", "m")
        self.task = types.SimpleNamespace(cell=types.SimpleNamespace(id="py38-torch1.11.0"))
        (self.folder / "pictures").mkdir(parents=True)

    def case(self, size, *, content=True, **more):
        """Return a case whose picture the harness has kept."""
        name = f"sr/x/torchscript/opset13/fp32/ort/h{size}"
        file = name.replace("/", "~") + ".npz"
        expected, actual = pair()
        if content:
            np.savez_compressed(self.folder / "pictures" / file, expected=expected, actual=actual)
        output = OutputMetrics("image", False, "mismatch", (1,), "float32", (1,), "float32", max_abs=2.0)
        fields = {"probe": "sr", "variant": "x", "exporter": "torchscript", "opset": 13, "precision": "fp32"}
        fields |= {"runner": "ort", "size": {"h": size}, "stage": "compare", "outcome": "failed"}
        facts = {"picture": {"output": "image", "file": file}, "runner_ms": 1.0}
        return CaseRecord(id=name, outputs=(output,), facts=facts, **(fields | more))


def test_one_picture_is_drawn_for_each_lane_and_its_case_names_the_file(tmp_path):
    run = Run(tmp_path)
    cases = (run.case(64), run.case(50), run.case(48, precision="fp16"))
    draw_pictures(run, cases)
    named = [case.facts.get("picture") for case in cases]
    folder = "pictures/py38-torch1.11.0/sr~x~torchscript~opset13~fp32~ort~h"
    assert named == [f"{folder}64.png", None, f"{folder}48.png"]
    written = sorted(path.relative_to(run.reports.folder).as_posix() for path in tmp_path.rglob("*.png"))
    assert written == sorted(filter(None, named))
    assert [case.facts["runner_ms"] for case in cases] == [1.0, 1.0, 1.0]


def test_the_figure_under_a_picture_is_that_of_its_output(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("matrixscan.execution.pictures.heat_map_png", lambda *given: said.append(given[2]) or b"png")
    run = Run(tmp_path)
    case = run.case(64)
    others = [
        OutputMetrics(name, False, "mismatch", (1,), "f", (1,), "f", max_abs=9.0, part=part)
        for name, part in (("logits", None), ("image", "stage"))
    ]
    draw_pictures(run, (msgspec.structs.replace(case, outputs=(*others, *case.outputs)),))
    assert [words.split(" of ")[0] for words in said] == ["max_abs 2"]


def test_a_case_without_a_picture_is_left_alone(tmp_path):
    run = Run(tmp_path)
    lost, plain = run.case(64, content=False), run.case(40)
    del plain.facts["picture"]
    draw_pictures(run, (lost, plain))
    assert [case.facts for case in (lost, plain)] == [{"runner_ms": 1.0}] * 2
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("damage", ["empty", "cut", "head only", "flipped"])
def test_a_file_that_a_dying_process_left_is_passed_over(tmp_path, damage):
    run = Run(tmp_path)
    case = run.case(50)
    file = run.folder / "pictures" / case.facts["picture"]["file"]
    whole = file.read_bytes()
    middle = len(whole) // 3
    spoiled = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "head only": b"PK\x03\x04",
        "flipped": whole[:middle] + bytes(99) + whole[middle + 99 :],
    }
    file.write_bytes(spoiled[damage])
    draw_pictures(run, (case,))
    assert case.facts == {"runner_ms": 1.0}
