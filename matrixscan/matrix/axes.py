"""Axis names and versions: which are allowed, and what to say about the others."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Hashable, Mapping, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, NormalizedName, canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

from matrixscan.catalog.selectors import is_exact
from matrixscan.errors import did_you_mean
from matrixscan.matrix.problems import Problems, join, kind_of

#: Names an author most likely meant when a name resembles one of them.
WELL_KNOWN_AXES = frozenset(
    {
        *("python", "torch", "torchvision", "torchaudio", "numpy", "scipy", "sympy", "timm", "transformers"),
        *("onnx", "onnxscript", "onnx-ir", "onnxsim", "onnxslim", "onnxoptimizer", "protobuf", "ml-dtypes"),
        *("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "openvino", "ncnn", "pnnx"),
        "typing-extensions",
    }
)
PYTHON_PATTERN = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){1,2}$"
MAX_VERSION_LENGTH = 100
_PYTHON = re.compile(PYTHON_PATTERN)


def declared_packages(names: Sequence[str], problems: Problems) -> frozenset[str]:
    """Return the canonical names of the `packages` key."""
    found = set()
    for at, written in enumerate(names):
        name = _canonical(written, f"packages[{at}]", problems)
        if name:
            found.add(name)
    return frozenset(found)


def _canonical(written: str, path: str, problems: Problems) -> NormalizedName | None:
    try:
        return canonicalize_name(written, validate=True)
    except InvalidName:
        problems.add(path, f"{written!r} is not a valid package name (letters, digits, '-', '_' and '.')")
        return None


def axis_name(written: str, path: str, declared: Collection[str], problems: Problems) -> str | None:
    """Return the canonical axis name, or note why it is none.

    Any package can be an axis, so only a name that resembles a well-known one is taken for a slip.
    """
    name = _canonical(written, path, problems)
    if name is None or name in WELL_KNOWN_AXES or name in declared:
        return name
    if difflib.get_close_matches(name, sorted(WELL_KNOWN_AXES), n=1, cutoff=0.7):
        hint = did_you_mean(name, WELL_KNOWN_AXES)
        declare = f'a package really called that goes into packages = ["{name}"]'
        problems.add(path, f"unknown axis; {hint} ({declare})")
        return None
    return name


def axis_names(table: Mapping[str, object], path: str, declared: Collection[str], problems: Problems) -> dict[str, str]:
    """Return written name -> canonical name of a table's axes, without those that have a problem."""
    names: dict[str, str] = {}
    for written in table:
        name = axis_name(written, join(path, written), declared, problems)
        if name is None:
            continue
        twin = next((other for other, known in names.items() if known == name), None)
        if twin is None:
            names[written] = name
        else:
            problems.add(join(path, written), f"is the same axis as {twin!r}")
    return names


def version_problem(axis: str, value: object) -> str | None:
    """Say what is wrong with a version of an axis; None where nothing is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'{value} is a number; quote it: "{value}" (without quotes 3.10 reads as 3.1)'
    if not isinstance(value, str):
        return f"expected one version in quotes, got {kind_of(value)}"
    if len(value) > MAX_VERSION_LENGTH:  # also keeps Python from refusing to read endless digits
        return f"is too long for a version ({len(value)} characters, at most {MAX_VERSION_LENGTH})"
    if axis == "python":
        fits = _PYTHON.fullmatch(value)
        return None if fits else f"{value!r} is not a Python release (for example 3.8 or 3.8.18)"
    try:
        normal = str(Version(value))
    except InvalidVersion:
        return f"{value!r} is not an exact PEP 440 version (for example 2.4.0)"
    # One spelling per version keeps ids and lock files comparable as text.
    return None if normal == value else f"{value!r} is not in normal form; write {normal!r}"


@functools.lru_cache(maxsize=65536)
def version_key(axis: str, version: str) -> Hashable:
    """Return what makes two spellings the same version: 2.4 is 2.4.0, yet Python 3.8 is any 3.8."""
    return version if axis == "python" else canonicalize_version(version)


def is_specifier(value: object) -> bool:
    """Tell what is meant as PEP 440 specifiers from a version."""
    return isinstance(value, str) and value.strip()[:1] in {"<", ">", "=", "!", "~"}


def specifier_problem(text: str) -> str | None:
    """Say what is wrong with PEP 440 specifiers; None where nothing is. None at all allow any version."""
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        hint = f"; write '=={text}'" if is_exact(text) else " (for example '>=2.0,<2.3')"
        return f"{text!r} is not a version specifier{hint}"
    return None
