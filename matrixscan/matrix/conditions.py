"""The conditions of an expected failure: on versions, names and sizes."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from matrixscan.errors import did_you_mean
from matrixscan.matrix.axes import WELL_KNOWN_AXES
from matrixscan.matrix.problems import Problems, join
from matrixscan.matrix.types import Expected

#: Compared as text, `*` and `?` allowed; opset and sizes compare as numbers; any other key is an axis.
TEXTS = ("exporter", "precision", "runner", "variant", "stage", "outcome", "reason")
_COMPARISON = re.compile(r"(<=|>=|==|!=|<|>)?\s*(-?[0-9]+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_expected(expected: Expected, path: str, sizes: Collection[str], problems: Problems) -> None:
    """Note what is wrong with the conditions and the pattern."""
    try:
        re.compile(expected.match)
    except re.error as error:
        problems.add(f"{path}.match", f"is not a regular expression: {error}")
    for key, condition in expected.when.items():
        where, text = join(f"{path}.when", key), str(condition)
        if key in TEXTS:
            continue
        if key == "opset" or key in sizes:
            if not all(map(_COMPARISON.fullmatch, _parts(text))):
                problems.add(where, f"{text!r} is not a comparison with a number (for example '<13')")
        elif not _NAME.fullmatch(key):
            problems.add(
                where, "names neither an axis nor a size, exporter, opset, precision, runner, variant or stage"
            )
        elif key not in WELL_KNOWN_AXES and difflib.get_close_matches(key, WELL_KNOWN_AXES, cutoff=0.75):
            problems.add(where, f"is no axis; {did_you_mean(key, WELL_KNOWN_AXES)}")
        else:
            _check_specifier(text, where, problems)


def _check_specifier(text: str, where: str, problems: Problems) -> None:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        problems.add(where, f"{text!r} is not a version specifier (for example '<2.0')")


def holds(when: Mapping[str, str | int], facts: Mapping[str, str | int]) -> bool:
    """Return whether every condition holds.

    Args:
        when: key -> condition.
        facts: versions by axis, numbers for opset and sizes, texts for the rest; a key without a fact fails.
    """
    return all(key in facts and _holds(str(condition), facts[key], key) for key, condition in when.items())


def _holds(condition: str, fact: str | int, key: str) -> bool:
    if isinstance(fact, int):
        return all(_compares(part, fact) for part in _parts(condition))
    if key in TEXTS:
        return fnmatch.fnmatchcase(fact, condition)
    try:
        return SpecifierSet(condition).contains(Version(fact), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def _parts(condition: str) -> list[str]:
    return [part.strip() for part in condition.split(",")]


def _compares(part: str, number: int) -> bool:
    found = _COMPARISON.fullmatch(part)
    if found is None:
        return False
    sign, bound = found.group(1) or "==", int(found.group(2))
    return {
        "<": number < bound,
        "<=": number <= bound,
        ">": number > bound,
        ">=": number >= bound,
        "==": number == bound,
        "!=": number != bound,
    }[sign]
