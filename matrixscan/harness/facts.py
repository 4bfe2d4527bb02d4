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

#: PEP 440, appendix B, for lower case; packaging itself may be missing in an environment under test.
_VERSION = re.compile(
    r"""v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>[0-9]+)?)?
    (?P<post>-(?P<post_n1>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n2>[0-9]+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_n>[0-9]+)?)?
    (?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$""",
    re.VERBOSE,
)
_MODULE_FILES = (".py", ".so", ".pyd")
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def import_axes(request, events):
    """Import every package axis, emit the `import` stage, return whether the cases may run."""
    began = time.monotonic()
    resolved, modules, problem = {}, {}, None
    for name, requested in request["axes"].items():
        if name == "python":
            resolved["python"] = platform.python_version()
            problem = _mismatch(name, requested, _leading(sys.version_info, requested))
            if problem:
                break
            continue
        try:
            module = importlib.import_module(_module_name(name))
        except Exception as error:
            problem = {"type": type(error).__name__, "message": "%s: %s" % (name, error)}
            break
        modules[name] = module
        resolved[name] = _version(name, module)
        problem = _mismatch(name, requested, resolved[name])
        if problem:
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


def _mismatch(name, requested, found):
    if _public(found) == _public(requested):
        return None
    return {"type": "VersionMismatch", "message": "%s: asked for %s, imported %s" % (name, requested, found)}


def _leading(version_info, requested):
    """Return as many parts of Python's version as the request names: 3.8 means any 3.8.x."""
    return ".".join(str(part) for part in version_info[: min(3, requested.count(".") + 1)])


def _module_name(distribution):
    """Find the module a distribution installs; the names differ (onnxruntime-gpu installs onnxruntime)."""
    from importlib import metadata

    plain = re.sub(r"[-.]+", "_", distribution)
    tops = _modules([path.parts for path in metadata.files(distribution) or []])
    matching = [top for top in tops if top.lower() == plain.lower()]
    importable = (
        matching
        or [top for top in tops if plain.lower().startswith(top.lower())]
        or [top for top in tops if not top.startswith("_")]
        or tops
    )
    return importable[0] if importable else plain


def _modules(files):
    """Return the installed modules nearest to the top: google.protobuf, for google is a mere folder."""
    packages = [parts[:-1] for parts in files if parts[-1] == "__init__.py"]
    single = [(parts[0].split(".")[0],) for parts in files if len(parts) == 1 and parts[0].endswith(_MODULE_FILES)]
    folders = [parts[:1] for parts in files if len(parts) > 1 and parts[0] != "__pycache__"]
    names = _importable(packages + single) or _importable(folders)
    nearest = min(map(len, names), default=0)
    return list(dict.fromkeys(".".join(name) for name in names if len(name) == nearest))


def _importable(names):
    return [name for name in names if name and all(part.isidentifier() for part in name)]


def _version(distribution, module):
    version = getattr(module, "__version__", None)
    # What a package calls its version may hold a branch and a commit too.
    if isinstance(version, str) and _VERSION.match(version.strip().lower()):
        return str(version)
    from importlib import metadata

    return metadata.version(distribution)


def _public(version):
    """Return a version's public part in a form that equals that of every other spelling (PEP 440).

    The local label is dropped: 2.4.0+cpu and 2.4.0+cu121 are builds of the same release.
    """
    found = _VERSION.match(version.strip().lower())
    if found is None:
        return version
    release = [int(part) for part in found.group("release").split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    pre = found.group("pre") and (_PRE.get(found.group("pre"), found.group("pre")), int(found.group("pre_n") or 0))
    post = found.group("post") and int(found.group("post_n1") or found.group("post_n2") or 0)
    dev = found.group("dev") and int(found.group("dev_n") or 0)
    return int(found.group("epoch") or 0), tuple(release), pre, post, dev


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
