"""What differs from the measurement although the axes do not: other packages, other builds, another machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from matrixscan.analysis.known_pins_index import Platform
from matrixscan.analysis.known_pins_match import excludes, public, same
from matrixscan.pins.types import Pins

#: Packages whose release the tools under test notice. Another major of the first ones is another interface, which
#: compiled code either has or has not: with it, good was not measured.
_INTERFACES = ("numpy", "protobuf")
_WEIGHTY = (*_INTERFACES, "ml-dtypes", "onnx-ir", "flatbuffers", "onnxscript", "triton")


def withheld(pins: Pins, packages: Mapping[str, str]) -> str:
    """Return why what was measured as good is not said of these pins; empty where nothing speaks against it."""
    told = ((name, packages[name], _unfit(name, packages[name], pins)) for name in _INTERFACES if name in packages)
    return "; ".join(f"measured with {name} {measured}, yours is {yours}" for name, measured, yours in told if yours)


def _unfit(name: str, measured: str, pins: Pins) -> str:
    """Return what the pins say of a package if that is not what was measured; empty where it may be."""
    if name in pins.versions:
        return pins.versions[name] if _major(measured) != _major(pins.versions[name]) else ""
    if name in pins.loose:
        return pins.loose[name] if excludes(pins.loose[name], measured) else ""
    return "not there" if pins.complete else ""


def _major(version: str) -> int | str:
    try:
        return Version(version).major
    except InvalidVersion:
        return version


def of_packages(pins: Pins, packages: Mapping[str, str], axes: Mapping[str, str]) -> list[str]:
    """Return a line for each package of weight that is not as measured, and one for all others.

    Args:
        pins: The user's.
        packages: What was installed besides the axes, and which builds of these.
        axes: Of the combination.
    """
    others = {name: version for name, version in packages.items() if name not in axes}
    lines = [line for name in _WEIGHTY if (line := _of_one(name, others, pins))]
    rest = [
        name
        for name, version in others.items()
        if name not in _WEIGHTY and name in pins.versions and not same(version, pins.versions[name])
    ]
    if rest:
        shown = ", ".join(f"{name} {pins.versions[name]} for {others[name]}" for name in rest[:3])
        more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""  # noqa: PLR2004  those shown
        lines.append(f"other releases than measured: {shown}{more}")
    return lines + _builds(pins, packages, axes)


def _of_one(name: str, measured: Mapping[str, str], pins: Pins) -> str | None:
    if name not in measured:
        return None
    yours = pins.versions.get(name)
    if yours is not None:
        return None if same(yours, measured[name]) else f"{name} {yours}, measured with {measured[name]}"
    if pins.complete and name not in pins.loose:
        return f"{name} is not there, measured with {measured[name]}"
    return f"{name} is not pinned, measured with {measured[name]}"


def _builds(pins: Pins, packages: Mapping[str, str], axes: Mapping[str, str]) -> list[str]:
    """Return a line where the pins name a build of a release, such as +cu121, and another one was measured."""
    lines = []
    for axis, tested in axes.items():
        yours, measured = pins.versions.get(axis, ""), packages.get(axis, tested)
        if yours != public(yours) and yours != measured:
            lines.append(f"{axis} {yours}, measured with the build {measured}")
    return lines


def of_machine(measured: Platform) -> list[str]:
    """Return a line where this machine is of another kind than the one that was measured on."""
    here, there = (platform.system(), platform.machine()), (measured.system, measured.machine)
    if not all(there) or tuple(map(_plain, here)) == tuple(map(_plain, there)):
        return []
    return [f"measured on {' '.join(there)}; this is {' '.join(here)}"]


def _plain(name: str) -> str:
    """Return one name for machines that have two."""
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(name.lower(), name.lower())
