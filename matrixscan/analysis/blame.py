"""Whose fault a failing case is: a table of rules over what is known, the first that applies answers.

A rule applies only where the evidence leaves no other answer that this project knows of; `unknown` is an answer, a
wrong one is a defect. ONNX's reference evaluator is a witness: it is wrong on some operators itself, so that it counts
where it agrees with eager, and against an exporter only where every release of the runner says the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

EXPORTER = "exporter"
KERNEL = "runtime kernel"
OPTIMIZER = "runtime optimizer"
SEMANTICS = "operator semantics changed"
PACKAGING = "packaging"
PRECISION = "precision"
MODEL = "model (baked shape)"
UNKNOWN = "unknown"

WHOSE = (EXPORTER, KERNEL, OPTIMIZER, SEMANTICS, PACKAGING, PRECISION, MODEL, UNKNOWN)

#: Releases of a runner that must say the same before an artifact, and not the runner, is called wrong.
ENOUGH_RUNNERS = 3

_ENVIRONMENT = frozenset({"resolve", "install", "import"})
_VALUES = frozenset({"mismatch", "nonfinite", "shape", "truncated", "dtype"})
#: What runners say of a file that is younger than they are, of an operator they do not have, or not in that type.
_TOO_NEW = re.compile(
    r"IR[ _]version|opset \d+ is under development|is not a registered (?:function/)?op", re.IGNORECASE
)
_NO_KERNEL = re.compile(r"NOT_IMPLEMENTED|Could not find an implementation|NotImplemented", re.IGNORECASE)
#: What an exporter says of something it cannot write, whatever the model.
_NOT_WRITTEN = re.compile(
    r"UnsupportedOperatorError|Exporting the operator|Couldn't export operator|Unsupported: ONNX export"
    r"|No ONNX function found|No decompositions registered|DispatchError|ConversionError|torch\.onnx\.errors",
    re.IGNORECASE,
)
#: What Python says where releases do not fit together; it may look like an exporter's own failure.
_OF_PACKAGES = re.compile(
    r"ModuleNotFoundError|ImportError|module '[\w.]+' has no attribute|Descriptors cannot be created|_ARRAY_API"
)


class Evidence(msgspec.Struct, frozen=True):
    """What is known of one failing case. An empty tuple: none were seen; None: it was not asked."""

    stage: str
    outcome: str
    reason: str | None = None
    error: str = ""  # type and message
    exporter: str = ""
    opset: int = 0
    unoptimized: bool | None = None  # right in the same runner without graph optimisations
    level: str = ""  # the first level of optimisation at which it is wrong
    reference: bool | None = None  # right in ONNX's reference evaluator
    reference_agrees: bool | None = None  # the evaluator gives what the runner gives
    operator: str = ""  # of the first node that is wrong
    node_reference: bool | None = None  # that node alone, on what it was given: right in the evaluator
    node_runner: bool | None = None  # and in the runner
    runners_right: tuple[str, ...] = ()  # releases of the runner in which this very artifact is right
    runners_wrong: tuple[str, ...] = ()  # and in which it is wrong, this one included
    exporters_right: tuple[str, ...] = ()  # other exporters whose artifact of the same model is right in the same place
    opsets_right: tuple[int, ...] = ()  # other opsets of this exporter at which it is right there
    operator_versions: tuple[int, ...] = ()  # opsets at which the definition of the operator changed
    torch_right: tuple[str, ...] = ()  # releases of torch whose artifact of the same lane is right in the same runner
    packaging: str = ""  # which release of which package broke it


class Blame(msgspec.Struct, frozen=True):
    """An answer, the rule that gave it, and the evidence it rests on."""

    whose: str
    rule: str
    because: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """One row of the table. `because` returns the evidence in words, None where the rule does not apply."""

    name: str
    whose: str
    because: Callable[[Evidence], tuple[str, ...] | None]


def blame(evidence: Evidence) -> Blame:
    """Return whose fault a failing case is."""
    for rule in RULES:
        because = rule.because(evidence)
        if because is not None:
            return Blame(rule.whose, rule.name, because)
    return Blame(UNKNOWN, "no-rule", _unknown(evidence))


def _unknown(known: Evidence) -> tuple[str, ...]:
    """Say what was seen all the same; it may help a person who knows more."""
    seen = [
        f"also wrong in {_listed(known.runners_wrong)}" if len(known.runners_wrong) > 1 else "",
        f"right from {_listed(known.exporters_right)}" if known.exporters_right else "",
        f"right at opset {_listed(known.opsets_right)}" if known.opsets_right else "",
        f"right from torch {_listed(known.torch_right)}" if known.torch_right else "",
    ]
    return tuple(text for text in seen if text)


def _named_package(known: Evidence) -> tuple[str, ...] | None:
    return (known.packaging,) if known.packaging else None


def _environment(known: Evidence) -> tuple[str, ...] | None:
    if known.stage not in _ENVIRONMENT or known.outcome not in {"failed", "infeasible", "crashed"}:
        return None
    return (f"the packages cannot be used together: {known.stage} {known.outcome}",)


def _too_new(known: Evidence) -> tuple[str, ...] | None:
    if known.stage != "load" or not _TOO_NEW.search(known.error):
        return None
    newer = f"; {_listed(known.runners_right)} read it" if known.runners_right else ""
    return (f"the exporter writes a newer file format than this runner reads{newer}",)


def _half(known: Evidence) -> tuple[str, ...] | None:
    return ("the same lane passes in full precision",) if known.reason == "precision" else None


def _optimized(known: Evidence) -> tuple[str, ...] | None:
    if known.unoptimized is not True or known.stage not in {"load", "run", "compare"}:
        return None
    at = f", wrong from level {known.level!r} on" if known.level else ""
    return (f"the same file is right in the same runner with graph optimisations off{at}",)


def _baked_by_exporter(known: Evidence) -> tuple[str, ...] | None:
    if known.reason != "shape_frozen" or not known.exporters_right:
        return None
    return ("it passes only at the size of its export", f"{_listed(known.exporters_right)} keeps the axis")


def _baked(known: Evidence) -> tuple[str, ...] | None:
    if known.reason != "shape_frozen":
        return None
    return ("it passes only at the size of its export", "no exporter that was tried there keeps the axis")


def _exporter_died(known: Evidence) -> tuple[str, ...] | None:
    if known.stage != "export" or known.outcome != "crashed" or known.reason == "memory":
        return None
    return ("the process ended while it exported",)


def _not_written(known: Evidence) -> tuple[str, ...] | None:
    if known.stage != "export" or known.outcome != "failed" or not _NOT_WRITTEN.search(known.error):
        return None
    return ("the exporter says that it cannot write this", *_elsewhere(known))


def _export_elsewhere(known: Evidence) -> tuple[str, ...] | None:
    """An export that fails in one exporter or release and not in another: the model is not what stands in the way."""
    if known.stage != "export" or known.outcome != "failed" or _OF_PACKAGES.search(known.error):
        return None
    elsewhere = _elsewhere(known)
    return ("the same model is written elsewhere", *elsewhere) if elsewhere else None


def _invalid(known: Evidence) -> tuple[str, ...] | None:
    if known.stage != "check" or known.outcome != "failed":
        return None
    return ("the exporter reported success and left a file that the checker refuses",)


def _runner_died(known: Evidence) -> tuple[str, ...] | None:
    if known.stage not in {"load", "run"} or known.outcome != "crashed" or known.reason == "memory":
        return None
    return ("the process ended in the runner", *_right_runners(known))


def _no_kernel(known: Evidence) -> tuple[str, ...] | None:
    if known.stage not in {"load", "run"} or not _NO_KERNEL.search(known.error):
        return None
    # Said of the file's own operator; the optimizer's are not in the file.
    if known.unoptimized is True:
        return None
    return ("the runner has no implementation of an operator it should know", *_right_runners(known))


def _other_release(known: Evidence) -> tuple[str, ...] | None:
    """The file is right in another release of the runner, and no optimisation of its graph is what differs."""
    if not known.runners_right or known.stage not in {"load", "run", "compare"} or known.unoptimized is not False:
        return None
    return (f"the very same file is wrong in {_listed(known.runners_wrong)}", *_right_runners(known))


def _spec_agrees(known: Evidence) -> tuple[str, ...] | None:
    if known.reference is not True or known.unoptimized is not False or known.stage not in {"run", "compare"}:
        return None
    return ("ONNX's reference evaluator agrees with eager on the same file, the runner does not", *_node(known))


def _node_agrees(known: Evidence) -> tuple[str, ...] | None:
    if known.node_reference is not True or known.node_runner is not False or known.unoptimized is not False:
        return None
    return (f"{known.operator} alone, on what it was given: right in the reference evaluator, wrong in the runner",)


def _definition_changed(known: Evidence) -> tuple[str, ...] | None:
    """Right at one opset and wrong at another between which the definition of the very operator changed."""
    if known.stage != "compare" or known.reference_agrees is not True or len(known.runners_wrong) < ENOUGH_RUNNERS:
        return None
    between = [
        (opset, version)
        for opset in known.opsets_right
        for version in known.operator_versions
        if min(opset, known.opset) < version <= max(opset, known.opset)
    ]
    if not between or known.runners_right:
        return None
    opset, version = between[0]
    return (f"right at opset {opset}, and {known.operator} means something else from opset {version} on",)


def _written_wrong(known: Evidence) -> tuple[str, ...] | None:
    """Every release of the runner and the evaluator agree with each other, and none with eager."""
    if known.stage != "compare" or known.reason not in _VALUES or known.runners_right:
        return None
    if known.reference_agrees is not True or len(known.runners_wrong) < ENOUGH_RUNNERS:
        return None
    return (
        f"the reference evaluator gives what {_listed(known.runners_wrong)} give, and none of them what eager gives",
        *_elsewhere(known),
    )


def _right_runners(known: Evidence) -> tuple[str, ...]:
    return (f"it is right in {_listed(known.runners_right)}",) if known.runners_right else ()


def _node(known: Evidence) -> tuple[str, ...]:
    return (f"the first wrong node is {known.operator}",) if known.operator else ()


def _elsewhere(known: Evidence) -> tuple[str, ...]:
    found = [
        f"right from {_listed(known.exporters_right)}" if known.exporters_right else "",
        f"right at opset {_listed(known.opsets_right)}" if known.opsets_right else "",
        f"right from torch {_listed(known.torch_right)}" if known.torch_right else "",
    ]
    return tuple(text for text in found if text)


def _listed(names: tuple[object, ...]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown) if len(shown) <= _MOST_NAMED else f"{', '.join(shown[:_MOST_NAMED])} and others"


_MOST_NAMED = 4

#: In the order in which they are asked. docs/diagnosis.md explains each.
RULES = (
    Rule("named-package", PACKAGING, _named_package),
    Rule("environment", PACKAGING, _environment),
    Rule("file-too-new", PACKAGING, _too_new),
    Rule("half", PRECISION, _half),
    Rule("optimized", OPTIMIZER, _optimized),
    Rule("baked-by-exporter", EXPORTER, _baked_by_exporter),
    Rule("baked", MODEL, _baked),
    Rule("exporter-died", EXPORTER, _exporter_died),
    Rule("not-written", EXPORTER, _not_written),
    Rule("written-elsewhere", EXPORTER, _export_elsewhere),
    Rule("invalid-file", EXPORTER, _invalid),
    Rule("runner-died", KERNEL, _runner_died),
    Rule("no-kernel", KERNEL, _no_kernel),
    Rule("other-release", KERNEL, _other_release),
    Rule("evaluator-agrees", KERNEL, _spec_agrees),
    Rule("node-agrees", KERNEL, _node_agrees),
    Rule("definition-changed", SEMANTICS, _definition_changed),
    Rule("written-wrong", EXPORTER, _written_wrong),
)
