"""pnnx and ncnn as they are: what they call success is looked at, and every return code is heard."""

import pytest

from matrixscan.harness.protocol import EVENTS_FILE

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("bed", ["ncnn"], indirect=True)]

LANE = {"exporter": "pnnx", "opset": 0, "runner": "ncnn"}
SOURCE = """\
import numpy as np
import torch


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 4, size.get("t", 9))).astype(np.float32) + 0.1}}


def build(variant):
    return Net()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv1d(4, 3, 3)

    def forward(self, x):
        y = self.layer(x)
        return {body}
"""


def returning(body):
    """Return a probe of a convolution `y` whose forward gives this expression."""
    stage = {"outputs": ["y"], "dynamic": {"x": {"0": "n", "2": "t"}}}
    fields = {"export_size": {"n": 1, "t": 9}, "stages": {"": stage}}
    return {"source": SOURCE.format(body=body), "fields": fields}


@pytest.fixture(scope="module")
def judged(bed, tmp_path_factory):
    """Return a function that runs one probe in several precisions and sizes and gives the outcomes in that order."""

    def run(body, precisions=("fp32",), sizes=({"n": 1, "t": 12},)):
        folder = tmp_path_factory.mktemp("ncnn")
        cases = [
            bed.case("net", size, **LANE, precision=precision) | {"id": f"net/{precision}/{size}"}
            for precision in precisions
            for size in sizes
        ]
        request = bed.request(folder, {"net": returning(body)}, cases)
        ends, _ = bed.run(folder, request)
        return [ends[case["id"]] for case in cases], folder, request

    return run


def said(end):
    """Return stage, outcome, reason and type of error of an end."""
    return end["stage"], end["outcome"], end.get("reason"), (end.get("error") or {}).get("type")


def test_a_model_converts_and_agrees_in_every_precision(judged):
    ends, _, _ = judged("torch.relu(y).mean(2)", ("fp32", "fp16", "fp16-run"))
    assert [end["outcome"] for end in ends] == ["passed"] * 3, [end.get("error") for end in ends]
    exact, half, _ = (end["outputs"][0]["max_abs"] for end in ends)
    assert exact < 1e-5 < half
    assert ends[0]["facts"]["operators"]["Convolution1D"] == 1


def test_operators_that_pnnx_passed_over_are_named_although_it_ended_with_0(judged):
    (end,), _, _ = judged("y.masked_fill(y > 0.1, -1.0)")
    assert said(end) == ("check", "failed", "unusable", "Unusable")
    assert "Tensor.masked_fill" in end["error"]["message"]


def test_the_batch_is_kept_where_pnnx_and_ncnn_keep_it(judged):
    ends, _, _ = judged("y", sizes=({"n": 1, "t": 9}, {"n": 3, "t": 12}))
    assert [end["outcome"] for end in ends] == ["passed", "passed"], [end.get("error") for end in ends]


@pytest.mark.parametrize(
    ("suffix", "damage", "words"),
    [
        (".bin", lambda data: data[: len(data) // 2], "load_model returned -"),
        (".param", lambda data: data.replace(b"Convolution1D ", b"NoSuchLayer   "), "load_param returned -"),
    ],
)
def test_a_return_code_of_ncnn_is_a_failure_at_load(bed, judged, suffix, damage, words):
    (end,), folder, request = judged("y")
    assert end["outcome"] == "passed", end.get("error")
    (artifact,) = folder.rglob(f"*{suffix}")
    artifact.write_bytes(damage(artifact.read_bytes()))
    # As after an interruption: the outcome is lost, the artifact is used again.
    (folder / EVENTS_FILE).unlink()
    ends, _ = bed.run(folder, request)
    (end,) = ends.values()
    assert said(end) == ("load", "failed", "error", "NcnnError")
    assert words in end["error"]["message"]
