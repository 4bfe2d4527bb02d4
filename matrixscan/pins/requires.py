"""Which Pythons a project or a lock is for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from matrixscan.errors import PinsFileError
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Place

#: One clause of Poetry, with blanks for commas as it allows them too.
_CLAUSE = re.compile(
    r"[\s,]*(?P<operator>\^|~=|~|==|!=|>=|<=|>|<|)\s*(?P<version>\d+(?:\.\d+)*)(?P<any>\.\*)?(?=[\s,]|$)"
)


def requires_python(text: Any, place: Place) -> str:
    """Return a `requires-python`.

    Raises:
        PinsFileError: It is no specifier.
    """
    try:
        if isinstance(text, str):  # a list would be read as one specifier for each of its members
            return str(SpecifierSet(text))
    except InvalidSpecifier as error:
        raise PinsFileError(place.file, [_no_specifier(text, place)]) from error
    raise PinsFileError(place.file, [_no_specifier(text, place)])


def _no_specifier(text: Any, place: Place) -> str:
    return f"{place}: requires-python: {text!r} is no PEP 440 specifier"


def poetry_python(text: str) -> str | None:
    """Return Poetry's `python-versions` as a PEP 440 specifier, None where it says what none can."""
    if text.strip() in {"", "*"}:
        return ""
    clauses, at = [], 0
    while at < len(text.rstrip(" ,")):
        match = _CLAUSE.match(text, at)
        if match is None or (clause := _clause(match["operator"], match["version"], match["any"] or "")) is None:
            return None
        clauses.append(clause)
        at = match.end()
    return str(SpecifierSet(",".join(clauses)))


def _clause(operator: str, version: str, wildcard: str) -> str | None:
    parts = version.split(".")
    if operator in {"^", "~"}:
        kept = 1 if operator == "^" else min(2, len(parts))
        above = ".".join([*parts[: kept - 1], str(int(parts[kept - 1]) + 1)])
        # Of 0.x a caret means something else; no Python is that old.
        return None if wildcard or parts[0] == "0" else f">={version},<{above}"
    if wildcard:
        return f"{operator or '=='}{version}.*" if operator in {"", "==", "!="} else None
    if operator == "~=" and len(parts) == 1:
        return None
    # Without an operator it is one patch release to some, and a minor to others.
    return f"{operator}{version}" if operator else None


def refuse_other_python(path: Path, requires: str, setting: Setting, made: str = "locked for") -> None:
    """Refuse a Python for which nothing would be installed.

    Raises:
        PinsFileError: It is one.
    """
    if setting.python is not None and setting.admits(requires) is False:
        raise PinsFileError(path, [f"{path}: {made} Python {requires}, not for {setting.python}; correct --python"])
