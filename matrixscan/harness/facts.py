"""Imports the packages under test and says what they are and what they run on."""

import importlib
import os
import platform
import re
import sys
import time

#: Instruction sets that change which numeric kernels torch and the runners choose.
_KERNEL_FLAGS = [
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimdhp",
    "asimddp",
    "bf16",
    "i8mm",
    "sve",
    "sve2",
]


def import_axes(request, events):
    """Import every package axis, emit the `import` stage, return whether the cases may run."""
    began = time.monotonic()
    resolved, modules, problem = {}, {}, None
    for name, requested in request["axes"].items():
        if name == "python":
            resolved["python"] = platform.python_version()
            continue
        try:
            module = importlib.import_module(_module_name(name))
        except Exception as error:
            problem = {"type": type(error).__name__, "message": "%s: %s" % (name, error)}
            break
        modules[name] = module
        resolved[name] = _version(name, module)
        if _public(resolved[name]) != _public(requested):
            problem = {
                "type": "VersionMismatch",
                "message": "%s: asked for %s, imported %s" % (name, requested, resolved[name]),
            }
            break
    _set_threads(modules, request["threads"])
    events.emit(
        "stage",
        stage="import",
        outcome="failed" if problem else "passed",
        reason="version" if problem and problem["type"] == "VersionMismatch" else None,
        error=problem,
        seconds=time.monotonic() - began,
        resolved=resolved,
        platform=_platform(modules, request["threads"]),
    )
    return problem is None


def _module_name(distribution):
    """Find the module a distribution installs; the names differ (onnxruntime-gpu installs onnxruntime)."""
    from importlib import metadata

    plain = re.sub(r"[-.]+", "_", distribution)
    tops = []
    for path in metadata.files(distribution) or []:
        top = path.parts[0]
        if len(path.parts) == 1:
            top = top.split(".")[0] if top.endswith((".py", ".so", ".pyd")) else ""
        if top.isidentifier() and top not in tops and "__pycache__" not in top:
            tops.append(top)
    matching = [top for top in tops if top.lower() == plain.lower()]
    importable = matching or [top for top in tops if plain.lower().startswith(top.lower())] or tops
    return importable[0] if importable else plain


def _version(distribution, module):
    version = getattr(module, "__version__", None)
    if isinstance(version, str):
        return str(version)
    from importlib import metadata

    return metadata.version(distribution)


def _public(version):
    """Drop the local label: 2.4.0+cpu and 2.4.0+cu121 are builds of the same release."""
    return version.split("+")[0]


def _set_threads(modules, threads):
    torch = modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def _platform(modules, threads):
    model, flags = _cpu()
    found = {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": model,
        "instruction_sets": [flag for flag in _KERNEL_FLAGS if flag in flags],
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": threads,
        "python": platform.python_implementation() + " " + platform.python_version(),
        "byte_order": sys.byteorder,
    }
    torch = modules.get("torch")
    capability = getattr(getattr(getattr(torch, "backends", None), "cpu", None), "get_cpu_capability", None)
    if capability is not None:
        found["torch_kernels"] = capability()
    return found


def _cpu():
    """Return the CPU's name and its flags; empty where the system has no /proc/cpuinfo."""
    model, flags = platform.processor(), set()
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    model = value.strip()
                elif key.strip() in ("flags", "Features"):
                    flags = set(value.split())
                    break
    except OSError:
        return model, flags
    return model, flags
