"""Diagnoses of networks in ncnn: the module, the call and the layer that are wrong are named."""

import pytest
from ncnn_net import SOURCE

from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.records.diagnosis import fold_diagnoses
from matrixscan.records.events import read_events

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("bed", ["ncnn"], indirect=True)]

LANE = {"exporter": "pnnx", "opset": 0, "runner": "ncnn"}
BODIES = {
    "good": "return torch.sigmoid(x)",
    "values": "return torch.nn.functional.leaky_relu(x - 0.1, 0.5 if TRACED() else 0.01)",
    "moved": "return x if TRACED() else x.flip(-1)",
    "shape": "return x[:, :, : 4 if TRACED() else 6]",
}


@pytest.fixture(scope="module")
def found(bed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnosis")
    stage = {"outputs": ["y"], "dynamic": {}}
    probes = {
        name: {"source": SOURCE.format(body=body), "fields": {"export_size": {"n": 1}, "stages": {"": stage}}}
        for name, body in BODIES.items()
    }
    cases = [bed.case(name, {"n": 1}, **LANE) for name in probes]
    bed.run(folder, bed.request(folder / "probes", probes, cases) | {"mode": "diagnose"})
    made = fold_diagnoses(read_events(folder / EVENTS_FILE), cases)
    return {diagnosis.case.partition("/")[0]: diagnosis for diagnosis in made}


def test_a_network_that_passes_did_not_fail_again(found):
    assert (found["good"].reproduced, found["good"].first, found["good"].error) == (False, None, None)


def test_the_call_and_the_layer_are_named(found):
    first = found["values"].first
    assert (first.module, first.operation) == ("inner", "leaky_relu")
    assert first.error_before < 1e-4
    assert first.error_after > 1e-2
    assert first.node.op_type == "ReLU"
    assert float(first.node.attributes["0"]) == 0.5
    assert first.node.domain == "ncnn"
    assert found["values"].error is None


def test_the_curve_jumps_at_the_divergence(found):
    diagnosis = found["values"]
    errors = {point.call: point.error for point in diagnosis.curve}
    assert errors[diagnosis.first.call] == pytest.approx(diagnosis.first.error_after)
    assert max(error for call, error in errors.items() if call < diagnosis.first.call) < 1e-4


def test_a_call_that_was_lost_is_no_layers_fault(found):
    first = found["moved"].first
    assert (first.module, first.operation, first.node) == ("inner", "flip", None)


def test_a_layer_that_stands_for_the_call_is_named(found):
    assert found["shape"].reason == "shape"
    assert (found["shape"].first.module, found["shape"].first.node.op_type) == ("inner", "Crop")


def test_nothing_of_onnx_is_asked(found):
    assert {name: (each.levels, each.reference, each.runs) for name, each in found.items()} == {
        name: ({}, None, ()) for name in BODIES
    }
