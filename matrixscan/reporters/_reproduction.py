"""A reproduction as one script that needs nothing of matrixscan; see `_reproduction_code` for its parts."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping

import msgspec

from matrixscan.analysis.first_line import first_line
from matrixscan.records.reproduction import Reduced, Reproduction, Tensor, Words
from matrixscan.reporters import _reproduction_code as code
from matrixscan.reporters import _reproduction_ncnn as ncnn

#: Packages that torch's own wheels name exactly, and that do nothing on a processor.
_DEVICE_PACKAGES = ("nvidia-", "triton", "cuda-")
_HANG_SECONDS = 60
_WIDTH = 118


def render_script(reproduction: Reproduction) -> str:
    """Return the script."""
    reduced = reproduction.reduced
    return _head(reproduction) + "\n" + _BODIES[reduced.kind](reproduction)


def title(reproduction: Reproduction) -> str:
    """Return in one line what goes wrong."""
    reduced, axes = reproduction.reduced, reproduction.axes
    if reduced.kind == "export":
        where = f"{reproduction.exporter} export, opset {reproduction.opset}"
        return f"torch {_public(axes['torch'])}, {where}: {_thing(reduced)} {_ends(reduced)}"
    if reduced.kind == "conversion":
        names = ["pnnx"] if reduced.stage in {"export", "check"} else ["pnnx", "ncnn"]
        where = " and ".join(f"{name} {_public(axes[name])}" for name in names)
        return f"{where}: {_thing(reduced)} {_ends(reduced, reproduction.reason)}"
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
    if reduced.kind != "graph":
        left = _count(reduced.modules_after, "is", "are") if reduced.modules_after else "one call is"
        whole = f"of {_count(reduced.modules_before, 'module', 'modules')} {left} left"
        files = "zeros" if reduced.zeros else "in run.npz, those of its export in inputs.npz"
        files = "in inputs.npz" if not reduced.given and not reduced.zeros else files
        text = f"Reduced from a larger model: {whole}. Its inputs are {files}."
        return text + (f" {expectation(reduced)}" if reduced.stage == "compare" else "")
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
        words = first_line(reduced.failure.message)
        return f"fails: {reduced.failure.type}: {textwrap.shorten(words, 90, placeholder=' ...')}"
    return _DIFFERS.get(reason or "", "gives other values than PyTorch")


def _graph(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    imports, opening, run, package = code.CHECKER if reduced.stage == "check" else code.RUNNERS[reproduction.runner]
    opening = opening.replace("$THREADS", str(reproduction.threads))
    if reduced.stage == "compare":
        return code.COMPARE.substitute(
            STDLIB=_stdlib("sys"),
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
    fields = {
        "IMPORTS": imports,
        "CONSTANTS": 'MODEL = HERE / "model.onnx"',
        "BODY": body,
        "VERSIONS": f'"{package}", {package}.__version__, "numpy", np.__version__',
    }
    return _attempt(reduced, fields)


def _stdlib(*names: str, more: tuple[str, ...] = ()) -> str:
    """Return imports of modules, and `from a import b` of each "a b"."""
    found = [f"import {name}" for name in sorted(set(names))]
    found += ["from {} import {}".format(*each.split()) for each in sorted({*more, "pathlib Path"})]
    return "\n".join(found)


def _attempt(reduced: Reduced, fields: Mapping[str, str], *names: str, more: tuple[str, ...] = ()) -> str:
    if isinstance(reduced.failure, Words):
        # Backslashes and quotes of the message would end the text it stands in.
        message = reduced.failure.message.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace('"', '\\"')
        stdlib = _stdlib("re", "sys", "traceback", *names, more=more)
        return code.RAISES.substitute(fields, STDLIB=stdlib, TYPE=_quoted(reduced.failure.type), MESSAGE=message)
    hung = reduced.ending == "hung"
    ends = f"still working after {_HANG_SECONDS} s" if hung else str(reduced.failure)
    stdlib = _stdlib("signal", "subprocess", "sys", *names, more=more)
    seconds = _HANG_SECONDS if hung else 600
    return code.DIES.substitute(fields, STDLIB=stdlib, ENDS=_quoted(ends), SECONDS=seconds)


def _export(reproduction: Reproduction) -> str:
    settings = "\n".join(f"        {key}={value}," for key, value in _settings(reproduction).items())
    body = _module(reproduction) + code.EXPORT_BODY.substitute(SETTINGS=settings)
    fields = {
        "IMPORTS": _imports(reproduction),
        "CONSTANTS": "",
        "BODY": body,
        "VERSIONS": '"torch", torch.__version__, "numpy", np.__version__',
    }
    return _attempt(reproduction.reduced, fields, *_maths(reproduction), "tempfile")


def _conversion(reproduction: Reproduction) -> str:
    reduced = reproduction.reduced
    given = _inputs(reduced, reduced.given, "run.npz") if reduced.given else "inputs"
    way = ncnn.way(
        reduced.stage,
        {
            "GIVEN": given,
            "THREADS": str(reproduction.threads),
            "RUN_HALF": str(reduced.half["run"]),
        },
    )
    shapes = [f"inputshape{at or ''}={shape}" for at, shape in zip((0, 2), reduced.shapes, strict=False)]
    fields = {
        "IMPORTS": _imports(reproduction),
        "CONSTANTS": f"#: What pnnx is told.\nSHAPES, HALF = {_list(shapes)}, {reduced.half['converted']}",
        "BODY": _module(reproduction) + way,
        "VERSIONS": ncnn.VERSIONS,
    }
    names = *_maths(reproduction), *ncnn.STDLIB
    if reduced.stage != "compare":
        failure = _brief(reduced.failure) if isinstance(reduced.failure, Words) else reduced.failure
        return _attempt(msgspec.structs.replace(reduced, failure=failure), fields, *names, more=ncnn.FROM)
    return ncnn.COMPARE.substitute(
        fields,
        STDLIB=_stdlib("sys", *names, more=ncnn.FROM),
        NAME=_quoted(reduced.target or ""),
        AT=reduced.outputs.index(reduced.target),
        RTOL=reduced.rtol,
        ATOL=reduced.atol,
    )


def _brief(failure: Words) -> Words:
    """Return what the script says of a failure: what pnnx and ncnn print, it prints."""
    ours = failure.type in {"Unusable", "NcnnError"} or failure.message.startswith("pnnx ")
    message = failure.message.partition(": ")[0] if ours else failure.message
    return msgspec.structs.replace(failure, message=message)


def _imports(reproduction: Reproduction) -> str:
    found = "import torch"
    found += "".join(text for name, text in _NAMES.items() if re.search(name, reproduction.reduced.code or ""))
    return found + (f"\n\nimport {reproduction.probe_module}" if reproduction.probe_module else "")


def _maths(reproduction: Reproduction) -> tuple[str, ...]:
    return ("math",) if "math." in (reproduction.reduced.code or "") else ()


def _module(reproduction: Reproduction) -> str:
    """Return the functions that make the module and what it is exported with."""
    reduced = reproduction.reduced
    piece = "" if reduced.call is None else _wrapper(reduced.call, list(reduced.inputs))
    text = code.MODULE.substitute(
        MODEL=f"{reduced.code.rstrip()}\n\n" if reduced.code else "",
        PIECE=piece,
        BUILD=_build(reproduction),
        DROP=_drop(reduced),
        WEIGHTS=code.LOAD_WEIGHTS if reduced.weights else "",
        INPUTS=_inputs(reduced, reduced.inputs, "inputs.npz"),
        EXPORTED="Piece(module)" if piece else "module",
    ).lstrip("\n")
    return text.replace("\n\n\n\n", "\n\n\n")


def _inputs(reduced: Reduced, tensors: Mapping[str, Tensor], file: str) -> str:
    """Return the tensors as the elements of a tuple."""
    if reduced.zeros:
        each = [f"torch.zeros({tuple(tensor.shape or ())}, dtype=torch.{tensor.dtype})" for tensor in tensors.values()]
    else:
        each = [f'torch.from_numpy(np.load(HERE / "{file}")[{_quoted(name)}])' for name in tensors]
    return ", ".join(each) + ","


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


_BODIES = {"export": _export, "conversion": _conversion, "graph": _graph}


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _has_dynamo(torch: str) -> bool:
    """Return whether torch.onnx.export has the parameter `dynamo`: since 2.5 with a meaning, in 2.4 already there."""
    major, minor = (int(word) for word in torch.split(".")[:2])
    return (major, minor) >= (2, 5)
