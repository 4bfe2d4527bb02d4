"""A reproduction as the text of an issue for the tracker of those who can mend it."""

from __future__ import annotations

import json

from matrixscan.records.reproduction import GraphNode, Reduced, Reproduction, Tensor, Words
from matrixscan.reporters._reproduction import expectation, newest, pins, title

_TORCH, _NCNN = "pytorch/pytorch", "Tencent/ncnn"
#: Exporter or runner -> the tracker of those who make it. pnnx is made where ncnn is.
_TRACKERS = {
    "torchscript": _TORCH,
    "dynamo": _TORCH,
    "pnnx": _NCNN,
    "onnxruntime-cpu": "microsoft/onnxruntime",
    "onnx-reference": "onnx/onnx",
    "openvino-cpu": "openvinotoolkit/openvino",
    "ncnn": _NCNN,
}
_EXIT = (
    "It ends with 1 and a line that begins with `reproduced:` where the failure shows, with 0 and `not reproduced:` "
    "where it does not."
)
_SHOWN_NODES = 12
_SHOWN_ROWS = 20
_REFERENCE = {
    "expected": "ONNX's reference evaluator of the same release agrees with the expected values.",
    "actual": "ONNX's reference evaluator gives what the runtime gives: the graph says something else than the model.",
    "neither": "ONNX's reference evaluator gives yet other values.",
}


def render_issue(reproduction: Reproduction) -> str:
    """Return the issue as Markdown."""
    parts = [
        f"# {title(reproduction)}",
        f"For: {_tracker(reproduction)}",
        "## What happens",
        *_what(reproduction),
        "## To reproduce",
        "The attached folder holds all that is needed:",
        "```sh\nuv run reproduce.py\n```",
        _EXIT,
        f"With the newest releases: `uv run --no-project {newest(reproduction)} python reproduce.py`.",
        "## Versions",
        _versions(reproduction),
        *_elsewhere(reproduction),
    ]
    return "\n\n".join(parts) + "\n"


def _tracker(reproduction: Reproduction) -> str:
    made_by = {"exporter": reproduction.exporter, "runtime": reproduction.runner, "onnx": "onnx-reference"}
    return _TRACKERS.get(made_by.get(reproduction.whose, ""), reproduction.whose)


def _what(reproduction: Reproduction) -> list[str]:
    reduced = reproduction.reduced
    if reduced.kind != "graph":
        of_values = [expectation(reduced)] if reduced.stage == "compare" else []
        return [_exported(reproduction), *_failure(reduced), *of_values]
    found = [_nodes(reduced), *_failure(reduced)]
    if reduced.stage == "compare":
        found.append(expectation(reduced))
        found.append(_REFERENCE.get(reduced.reference or "", ""))
        found.append(_levels(reduced))
    return [text for text in found if text]


def _exported(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    thing = "an expression" if reduced.module_type == "Row" else f"`{reduced.module_type}`"
    place = f" (`{reduced.path}` of the model)" if reduced.path else ""
    inputs = ", ".join(f"`{_tensor(tensor)}`" for tensor in reduced.inputs.values())
    how = f"`torch.onnx.export` with the {reproduction.exporter} exporter at opset {reproduction.opset}"
    if reduced.kind == "conversion":
        given = ", ".join(f"`{_tensor(tensor)}`" for tensor in reduced.given.values())
        run = f", run on {given}" if given else ""
        return f"The way through TorchScript and pnnx to ncnn of {thing}{place}, traced with {inputs}{run}:"
    return f"{how} of {thing}{place}, on {inputs}:"


def _failure(reduced: Reduced) -> list[str]:
    if isinstance(reduced.failure, Words):
        return [f"```text\n{reduced.failure.type}: {reduced.failure.message.strip()}\n```"]
    if reduced.ending == "died":
        return [f"The process is ended by {reduced.failure}."]
    return ["It does not end."] if reduced.ending == "hung" else []


def _nodes(reduced: Reduced) -> str:
    count = f"{reduced.nodes_after} node{'' if reduced.nodes_after == 1 else 's'}"
    head = f"A graph of {count}, cut from {reduced.nodes_before}:"
    lines = [_node(node) for node in reduced.nodes[:_SHOWN_NODES]]
    if reduced.nodes_after > len(lines):
        lines.append(f"... and {reduced.nodes_after - len(lines)} more")
    return head + "\n\n```text\n" + "\n".join(lines) + "\n```"


def _node(node: GraphNode) -> str:
    kind = f"{node.domain}.{node.op_type}".lstrip(".")
    inputs = ", ".join(_tensor(tensor) for tensor in node.inputs)
    attributes = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(node.attributes.items()))
    outputs = ", ".join(_tensor(tensor) for tensor in node.outputs if tensor.name)
    return f"{kind}({inputs}){f' [{attributes}]' if attributes else ''} -> {outputs}"


def _tensor(tensor: Tensor) -> str:
    if not tensor.name:
        return "(none)"
    if tensor.values is not None:
        return f"{tensor.name} = {json.dumps(tensor.values)}"
    if tensor.shape is None:
        return f"{tensor.name}: {tensor.dtype}" if tensor.dtype else tensor.name
    return f"{tensor.name}: {tensor.dtype}[{', '.join(map(str, tensor.shape))}]"


def _levels(reduced: Reduced) -> str:
    if not reduced.levels:
        return ""
    words = {True: "right", False: "wrong", None: "does not run"}
    return "Graph optimisations of ONNX Runtime: " + ", ".join(
        f"{level} - {words[right]}" for level, right in reduced.levels.items()
    )


def _versions(reproduction: Reproduction) -> str:
    listed = "\n".join(pins(reproduction))
    made = {
        name: reproduction.axes[name].partition("+")[0]
        for name in ("torch", "onnx", "onnxscript")
        if name in reproduction.axes
    }
    words = ", ".join(f"{name} {version}" for name, version in made.items() if name not in reproduction.reduced.pins)
    made_with = (
        f"\n\nThe graph was exported with {words} ({reproduction.exporter}, opset {reproduction.opset})."
        if words
        else ""
    )
    return f"Python {reproduction.python}, {reproduction.platform}\n\n```text\n{listed}\n```{made_with}"


def _elsewhere(reproduction: Reproduction) -> list[str]:
    if not reproduction.elsewhere:
        return []
    names = [name for name in reproduction.axes if name != "python"]
    axes = [
        name
        for name in names
        if any(other.axes.get(name) != reproduction.axes[name] for other in reproduction.elsewhere)
    ]
    axes = ["python", *axes]
    here = f"{reproduction.stage}: {reproduction.reason or reproduction.reduced.ending}"
    rows = [(reproduction.axes, f"{here} (this one)"), *((other.axes, other.ended) for other in reproduction.elsewhere)]
    lines = [
        " | ".join([*(known.get(name, "-").partition("+")[0] for name in axes), ended])
        for known, ended in rows[:_SHOWN_ROWS]
    ]
    head = [" | ".join([*axes, "the whole model"]), " | ".join(["---"] * (len(axes) + 1))]
    table = "\n".join(f"| {line} |" for line in (*head, *lines))
    return ["## Other versions", "The model this was cut from, exported and run with other releases:", table]
