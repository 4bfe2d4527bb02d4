"""A reproduction as one script that needs nothing of matrixscan; see `_reproduction_code` for its parts."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping

from matrixscan.records.reproduction import Reduced, Reproduction, Words
from matrixscan.reporters import _reproduction_code as code

#: Packages that torch's own wheels name exactly, and that do nothing on a processor.
_DEVICE_PACKAGES = ("nvidia-", "triton", "cuda-")
_HANG_SECONDS = 60
_WIDTH = 118
#: What ONNX Runtime says before it says something.
_PREAMBLE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (Non-zero status code returned while running |)")


def render_script(reproduction: Reproduction) -> str:
    """Return the script."""
    reduced = reproduction.reduced
    body = _export(reproduction) if reduced.kind == "export" else _graph(reproduction)
    return _head(reproduction) + "\n" + body


def title(reproduction: Reproduction) -> str:
    """Return in one line what goes wrong."""
    reduced, axes = reproduction.reduced, reproduction.axes
    if reduced.kind == "export":
        where = f"{reproduction.exporter} export, opset {reproduction.opset}"
        return f"torch {_public(axes['torch'])}, {where}: {_thing(reduced)} {_ends(reduced)}"
    package = _package(reproduction)
    return f"{package} {_public(axes.get(package, ''))}: {_operators(reduced)} {_ends(reduced, reproduction.reason)}"


def _public(version: str) -> str:
    """Return a version without what only this build says."""
    return version.partition("+")[0]


def pins(reproduction: Reproduction) -> list[str]:
    """Return the requirements of the script: the axes of the combination first."""
    found = {name: _public(version) for name, version in reproduction.reduced.pins.items()}
    found = {name: version for name, version in found.items() if not name.startswith(_DEVICE_PACKAGES)}
    order = [name for name in reproduction.axes if name in found]
    listed = [f"{name}=={found[name]}" for name in (*order, *sorted(found.keys() - set(order)))]
    return [*listed, *(pin for pin in reproduction.requirements if pin.partition("==")[0] not in found)]


def _head(reproduction: Reproduction) -> str:
    torch = ""
    if "torch" in reproduction.reduced.pins:
        torch = (
            "\ntorch is PyPI's. For its smaller CPU builds make an environment instead: `uv venv`, then `uv pip install"
            "\n--torch-backend cpu` with the packages above, then `python reproduce.py`."
        )
    return code.HEAD.substitute(
        PYTHON=reproduction.python,
        PINS="\n".join(f'#     "{pin}",' for pin in pins(reproduction)),
        UV=_without_dependencies(reproduction),
        TITLE=_sentence(title(reproduction)),
        NEWEST=newest(reproduction),
        DESCRIPTION=textwrap.fill(_description(reproduction), _WIDTH),
        TORCH=torch,
    )


def newest(reproduction: Reproduction) -> str:
    """Return uv's options for the newest releases of the packages that the script is about."""
    names = [name for name in reproduction.axes if name in reproduction.reduced.pins]
    names += [] if "numpy" in names else ["numpy"]
    return " ".join(f"--with {name}" for name in (*names, *reproduction.requirements))


def _without_dependencies(reproduction: Reproduction) -> str:
    """Return the settings by which uv installs a probe's own packages without what they require."""
    if not reproduction.no_deps:
        return ""
    lines = []
    for pin in reproduction.requirements:
        name, _, version = pin.partition("==")
        lines += ["[[tool.uv.dependency-metadata]]", f'name = "{name}"', f'version = "{version}"', "requires-dist = []"]
    return "".join(f"# {line}\n" for line in lines)


def _sentence(text: str) -> str:
    """Return a title as the first line of a docstring."""
    plain = text.replace('"""', "'''").replace("\\", "\\\\")
    if len(plain) > _WIDTH - 4:
        plain = plain[: _WIDTH - 8].rpartition(" ")[0] + " ..."
    return plain if plain.endswith("...") else plain + "."


def _description(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    if reduced.kind == "export":
        left = _count(reduced.modules_after, "is", "are") if reduced.modules_after else "one call is"
        whole = f"of {_count(reduced.modules_before, 'module', 'modules')} {left} left"
        return f"Reduced from a larger model: {whole}. Its inputs are {'zeros' if reduced.zeros else 'in inputs.npz'}."
    text = (
        f"Reduced from a larger graph: of {reduced.nodes_before} nodes {_count(reduced.nodes_after, 'is', 'are')} left."
    )
    if reduced.stage == "compare":
        text += f" {expectation(reduced)}"
    return text


def expectation(reduced: Reduced) -> str:
    """Say where the expected values come from."""
    if reduced.expected_by == "reference":
        return (
            "The expected values are those of ONNX's reference evaluator, which agrees with PyTorch on the data of the "
            "whole model."
        )
    if reduced.source == "reference":
        return "The expected values are those of ONNX's reference evaluator, with which the whole model is right."
    if reduced.source == "unfused":
        return "The expected values are PyTorch's, or those of the runtime where it may fuse nothing and is right."
    return "The expected values are what PyTorch computes there."


def _count(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _package(reproduction: Reproduction) -> str:
    if reproduction.stage == "check":
        return "onnx"
    return code.RUNNERS[reproduction.runner][3]


def _operators(reduced: Reduced) -> str:
    names = list(dict.fromkeys(node.op_type for node in reduced.nodes))
    return " + ".join(names[:4]) + (" + ..." if len(names) > 4 else "")  # noqa: PLR2004  a title


def _thing(reduced: Reduced) -> str:
    return "an expression" if reduced.module_type == "Row" else reduced.module_type


#: What the code of a model names -> its import.
_NAMES = {r"\bF\.": "\nimport torch.nn.functional as F", r"(?<!\.)\bnn\.": "\nfrom torch import nn"}

#: Reason of a mismatch -> what is wrong.
_DIFFERS = {
    "shape": "gives another shape than PyTorch",
    "truncated": "gives another shape than PyTorch",
    "dtype": "gives another element type than PyTorch",
    "nonfinite": "gives NaN or infinity where PyTorch has none",
}


def _ends(reduced: Reduced, reason: str | None = None) -> str:
    if reduced.ending == "hung":
        return "does not end"
    if reduced.ending == "died":
        return f"ends the process with {reduced.failure}"
    if isinstance(reduced.failure, Words):
        words = _PREAMBLE.sub("", reduced.failure.message.strip().splitlines()[0])
        return f"fails: {reduced.failure.type}: {textwrap.shorten(words, 90, placeholder=' ...')}"
    return _DIFFERS.get(reason or "", "gives other values than PyTorch")


def _graph(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    imports, opening, run, package = code.CHECKER if reduced.stage == "check" else code.RUNNERS[reproduction.runner]
    opening = opening.replace("$THREADS", str(reproduction.threads))
    if reduced.stage == "compare":
        return code.COMPARE.substitute(
            IMPORTS=imports,
            NAME=_quoted(reduced.target or ""),
            RTOL=reduced.rtol,
            ATOL=reduced.atol,
            OPEN=opening,
            RUN=run,
            PACKAGE=package,
        )
    if reduced.stage == "check":
        body = code.CHECK_BODY.substitute(OPEN=opening)
    else:
        fed = f'    inputs = dict(np.load(HERE / "inputs.npz"))\n    {run}'
        body = code.GRAPH_BODY.substitute(OPEN=opening, RUNS=fed if reduced.stage == "run" else "    return model")
    constants = 'MODEL = HERE / "model.onnx"'
    return _attempt(reduced, imports, constants, body, f'"{package}", {package}.__version__, "numpy", np.__version__')


def _attempt(reduced: Reduced, imports: str, constants: str, body: str, versions: str) -> str:
    common = {"IMPORTS": imports, "CONSTANTS": constants, "BODY": body, "VERSIONS": versions}
    if isinstance(reduced.failure, Words):
        # Backslashes and quotes of the message would end the text it stands in.
        message = reduced.failure.message.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace('"', '\\"')
        return code.RAISES.substitute(common, TYPE=_quoted(reduced.failure.type), MESSAGE=message)
    hung = reduced.ending == "hung"
    ends = f"still working after {_HANG_SECONDS} s" if hung else str(reduced.failure)
    return code.DIES.substitute(common, ENDS=_quoted(ends), SECONDS=_HANG_SECONDS if hung else 600)


def _export(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    imports = "import torch" + "".join(text for name, text in _NAMES.items() if re.search(name, reduced.code or ""))
    if reproduction.probe_module:
        imports += f"\n\nimport {reproduction.probe_module}"
    names = list(reduced.inputs)
    piece = "" if reduced.call is None else _wrapper(reduced.call, names)
    body = code.EXPORT_BODY.substitute(
        MODEL=f"{reduced.code}\n" if reduced.code else "",
        PIECE=piece,
        BUILD=_build(reproduction),
        DROP=_drop(reduced),
        INPUTS=", ".join(_input(reduced, name) for name in names) + ",",
        EXPORTED="Piece(module)" if piece else "module",
        SETTINGS="\n".join(f"        {key}={value}," for key, value in _settings(reproduction).items()),
    ).lstrip("\n")
    versions = '"torch", torch.__version__, "numpy", np.__version__'
    text = _attempt(reduced, imports, "", body.replace("\n\n\n\n", "\n\n\n"), versions)
    more = "import tempfile\nimport traceback\n" if "import traceback" in text else "import sys\nimport tempfile\n"
    text = text.replace("import traceback\n" if "import traceback" in text else "import sys\n", more, 1)
    return "import math\n" + text if "math." in (reduced.code or "") else text


def _wrapper(call: str, names: list[str]) -> str:
    return (
        'class Piece(torch.nn.Module):\n    """Calls the module the way the whole model does."""\n\n'
        "    def __init__(self, module):\n        super().__init__()\n        self.module = module\n\n"
        f"    def forward(self, {', '.join(names)}):\n        return self.module({call})\n\n\n"
    )


def _drop(reduced: Reduced) -> str:
    """Return what puts aside the modules that need not do what they do."""
    if not reduced.dropped:
        return ""
    names = textwrap.fill(", ".join(map(_quoted, reduced.dropped)), _WIDTH - 8)
    return (
        f"    dropped = [\n{textwrap.indent(names, ' ' * 8)},\n    ]\n"
        '    for path in dropped:\n        parent, _, name = path.rpartition(".")\n'
        "        setattr(module.get_submodule(parent), name, torch.nn.Identity())\n"
    )


def _build(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    built = "build()" if reduced.code else f"{reproduction.probe_module}.build({_quoted(reproduction.variant)})"
    if reduced.chain_stage:
        built += f"[{_quoted(reduced.chain_stage)}]"
    return built + (f".get_submodule({_quoted(reduced.path)})" if reduced.path else "")


def _input(reduced: Reduced, name: str) -> str:
    tensor = reduced.inputs[name]
    if reduced.zeros:
        return f"torch.zeros({tuple(tensor.shape or ())}, dtype=torch.{tensor.dtype})"
    return f'torch.from_numpy(np.load(HERE / "inputs.npz")[{_quoted(name)}])'


def _settings(reproduction: Reproduction) -> Mapping[str, str]:
    reduced = reproduction.reduced
    common = {
        "input_names": _list(reduced.inputs),
        "output_names": _list(reduced.outputs),
        "opset_version": str(reproduction.opset),
    }
    axes = {name: {int(at): label for at, label in named.items()} for name, named in reduced.dynamic.items()}
    if reproduction.exporter == "dynamo":
        shapes = ", ".join(_shapes(axes.get(name, {}), reduced.inputs[name].shape or ()) for name in reduced.inputs)
        return {**common, "dynamic_shapes": f"({shapes},)", "dynamo": "True"}
    known = {name: named for name, named in axes.items() if name in reduced.inputs or name in reduced.outputs}
    legacy = {"dynamo": "False"} if _has_dynamo(reproduction.axes["torch"]) else {}
    return {**common, "dynamic_axes": repr(known), "do_constant_folding": "True", **legacy}


def _shapes(axes: Mapping[int, str], shape: tuple[int, ...]) -> str:
    words = {at: "DYNAMIC" if shape[at] > 1 else "AUTO" for at in axes}
    return "{" + ", ".join(f"{at}: torch.export.Dim.{word}" for at, word in words.items()) + "}" if words else "None"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _has_dynamo(torch: str) -> bool:
    """Return whether torch.onnx.export has the parameter `dynamo`: since 2.5 with a meaning, in 2.4 already there."""
    major, minor = (int(word) for word in torch.split(".")[:2])
    return (major, minor) >= (2, 5)
