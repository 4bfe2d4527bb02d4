"""Where a scan runs, and which wheels its Pythons can install there."""

from __future__ import annotations

import functools
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.markers import default_environment
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag, platform_tags

from matrixscan.catalog.types import Release, Wheel

# More than any minor release of Python has had.
_PATCHES = 40
_FULL = 3  # numbers of an exact Python release
_PLAIN_ABI = (3, 8)  # the first Python whose ABI tag carries no "m"
_INTERPRETER = re.compile(r"([a-z]+)([0-9])([0-9]*)")


class Infeasible(msgspec.Struct, frozen=True):
    """Why a combination or a lane cannot be."""

    rule: str  # yanked-or-gone, requires-python, wheel-tags, declared-dependency, opset or ir-version
    words: str


class Platform(msgspec.Struct, frozen=True):
    """A machine, as far as it decides what can be installed."""

    system: str  # linux, darwin or windows
    machine: str
    tags: tuple[str, ...]  # platform tags of wheels, the best first
    markers: dict[str, str]  # PEP 508 environment markers but those of Python itself


def this_platform() -> Platform:
    """Describe the machine this runs on."""
    markers = {key: str(value) for key, value in default_environment().items()}
    kept = {key: value for key, value in markers.items() if not key.startswith(("python_", "implementation_"))}
    kept.pop("platform_python_implementation", None)
    return Platform(platform.system().lower(), platform.machine(), tuple(platform_tags()), kept)


def python_releases(python: str) -> tuple[str, ...]:
    """Return the exact releases that a Python of the matrix can mean: itself, or every patch of a minor release."""
    if python.count(".") >= _FULL - 1:
        return (python,)
    return tuple(f"{python}.{patch}" for patch in range(_PATCHES))


@functools.lru_cache(maxsize=65536)
def runs_on(requires_python: str, python: str) -> bool:
    """Tell whether some patch of `python` meets a Requires-Python; one that cannot be read forbids nothing."""
    try:
        asked = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return any(asked.contains(release, prereleases=True) for release in python_releases(python))


def markers_of(python: str, where: Platform) -> Iterator[dict[str, str]]:
    """Yield the PEP 508 environments that a Python of the matrix can mean on a platform."""
    minor = ".".join(python.split(".")[:2])
    for release in python_releases(python):
        yield where.markers | {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": release,
            "platform_python_implementation": "CPython",
            "python_full_version": release,
            "python_version": minor,
        }


def best_wheel(wheels: Iterable[Wheel], python: str, where: Platform) -> Wheel | None:
    """Return the wheel an installer takes for CPython `python` on a platform, or None where none fits."""
    ranks = _ranks(_numbers(python), where.tags)
    best, best_rank = None, len(ranks)
    for wheel in wheels:
        rank = min((ranks.get(tag, best_rank) for tag in _tags(wheel.tags)), default=best_rank)
        if rank < best_rank:
            best, best_rank = wheel, rank
    return best


def no_wheel(name: str, release: Release, python: str, where: Platform) -> str:
    """Return the words for a release none of whose wheels fits."""
    head = f"no wheel of {name} {release.version} for Python {python} on {where.system} {where.machine}"
    tags = [tag for wheel in release.wheels for tag in _tags(wheel.tags)]
    here = {_interpreter(tag) for tag in tags if tag.platform == "any" or tag.platform in where.tags}
    if here:
        return f"{head} (there {_are(sorted(here, key=_interpreter_order))})"
    return f"{head} (there are some for {', '.join(sorted({tag.platform for tag in tags}))})"


def _are(interpreters: Sequence[str]) -> str:
    if len(interpreters) == 1:
        return f"is {interpreters[0]}"
    return f"are {interpreters[0]} to {interpreters[-1]}"


def _interpreter(tag: Tag) -> str:
    return f"{tag.interpreter}-abi3" if tag.abi == "abi3" else tag.interpreter


def _interpreter_order(interpreter: str) -> tuple[str, int, int, str]:
    found = _INTERPRETER.match(interpreter)
    if found is None:
        return (interpreter, 0, 0, "")
    return (found[1], int(found[2]), int(found[3] or 0), interpreter)


def _numbers(python: str) -> tuple[int, int]:
    major, minor, *_ = (*map(int, python.split(".")), 0)
    return major, minor


@functools.lru_cache(maxsize=64)
def _ranks(python: tuple[int, int], platforms: tuple[str, ...]) -> Mapping[Tag, int]:
    """Return every tag that CPython of this version takes, with its place in the order of preference."""
    interpreter = f"cp{python[0]}{python[1]}"
    abi = interpreter if python >= _PLAIN_ABI else f"{interpreter}m"
    tags = [
        *cpython_tags(python_version=python, abis=[abi], platforms=platforms),
        *compatible_tags(python_version=python, interpreter=interpreter, platforms=platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


@functools.lru_cache(maxsize=65536)
def _tags(compressed: str) -> frozenset[Tag]:
    return parse_tag(compressed)
