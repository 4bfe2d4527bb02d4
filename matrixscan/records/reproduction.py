"""What became of a failing case when it was made small: facts for whoever writes the reproduction down."""

from __future__ import annotations

from typing import Any

import msgspec


class Tensor(msgspec.Struct, frozen=True):
    """A tensor of a reduced graph, as far as it is known."""

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    values: Any = None  # of a constant with few elements


class GraphNode(msgspec.Struct, frozen=True):
    """One node of a reduced graph."""

    name: str
    op_type: str
    domain: str
    attributes: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Words(msgspec.Struct, frozen=True):
    """An error in the words of the tool, and whether it came up on opening (load) or later (run)."""

    type: str
    message: str
    at: str | None = None


class Reduced(msgspec.Struct, frozen=True):
    """What the harness found. Fields of a graph are empty for a module, and the other way round."""

    kind: str  # "graph", "export", "conversion"; "" where nothing could be made small
    stage: str
    seconds: float
    problem: str | None = None  # why nothing could be made small
    attempts: int = 0
    pins: dict[str, str] = {}
    ending: str | None = None  # raised, died or hung; None where it ran and was wrong
    failure: Words | str | None = None  # the error, or the name of a signal
    nodes_before: int = 0
    nodes_after: int = 0
    nodes: tuple[GraphNode, ...] = ()
    target: str | None = None  # the output that is wrong
    source: str | None = None  # how it is known what is right
    expected_by: str | None = None  # torch, or reference: the data were made smaller
    reference: str | None = None  # ONNX's reference evaluator agrees with: expected, actual, neither, unknown
    levels: dict[str, bool | None] = {}  # optimisation level -> right
    rtol: float = 0.0
    atol: float = 0.0
    chain_stage: str = ""
    path: str = ""  # of the module in the model
    module_type: str = ""
    modules_before: int = 0
    modules_after: int = 0
    dropped: tuple[str, ...] = ()  # modules in it that give on what they are given
    call: str | None = None  # how the module is called; None: the whole model on its inputs
    zeros: bool = False  # it fails on zeros too
    inputs: dict[str, Tensor] = {}
    given: dict[str, Tensor] = {}  # what it is run with, where that is not what it is converted with
    weights: bool = False  # the values follow from weights, which are kept
    shapes: tuple[str, ...] = ()  # of the inputs, as pnnx is told them
    half: dict[str, bool] = {}  # whether a conversion makes the weights half, and whether it is run in half
    dynamic: dict[str, dict[str, str]] = {}
    outputs: tuple[str, ...] = ()
    code: str | None = None  # the model, where it is not a file


class Elsewhere(msgspec.Struct, frozen=True):
    """The same case in another combination."""

    id: str
    axes: dict[str, str]
    ended: str  # "passed", or stage: reason


class Reproduction(msgspec.Struct, frozen=True):
    """Everything that is written down: the case, its combination, what was found, and what other versions do."""

    case: str
    axes: dict[str, str]  # as installed
    python: str  # 3.8
    platform: str
    variant: str
    exporter: str
    opset: int
    runner: str
    stage: str
    reason: str | None
    whose: str
    probe_module: str  # what the script imports the model from; "" where the code is in the script
    requirements: tuple[str, ...]  # the probe's own packages
    no_deps: bool  # without what these require
    reduced: Reduced
    threads: int
    elsewhere: tuple[Elsewhere, ...] = ()
