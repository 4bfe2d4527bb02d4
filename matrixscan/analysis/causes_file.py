"""Reads known causes: ours, and a project's own beside its matrices."""

from __future__ import annotations

import difflib
import functools
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from matrixscan.analysis.blame import WHOSE
from matrixscan.analysis.cause_match import Cause, When
from matrixscan.errors import CausesFileError, did_you_mean
from matrixscan.harness.protocol import OUTCOMES, REASONS, STAGES
from matrixscan.matrix.axes import WELL_KNOWN_AXES
from matrixscan.matrix.problems import Problems, convert, join, kind_of, read_table

#: A project's own, beside its matrices.
OF_PROJECT = "known_causes.toml"
OURS = Path(__file__).parent / OF_PROJECT

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_OPSET = re.compile(r"(<=|>=|==|!=|<|>)?\s*[0-9]+")
_CONDITIONS = tuple(name for name in When.__struct_fields__ if name != "versions")
_WORDS = {"stage": STAGES, "outcome": OUTCOMES, "reason": REASONS}


def load_causes(user: Path | None = None) -> tuple[Cause, ...]:
    """Return the known causes: a project's own first, then ours but for those that it replaces by their id.

    Args:
        user: The project's file, `known_causes.toml` beside its matrices; it need not exist.

    Raises:
        CausesFileError: A file has problems; each is named with its entry and key.
    """
    own = _read(user) if user is not None and user.is_file() else ()
    replaced = {cause.id for cause in own}
    return own + tuple(cause for cause in _ours() if cause.id not in replaced)


@functools.cache
def _ours() -> tuple[Cause, ...]:
    return _read(OURS)


def _read(path: Path) -> tuple[Cause, ...]:
    problems = Problems()
    raw = _load(path)
    for key in raw:
        if key != "cause":
            problems.add(key, "unknown key; entries are [[cause]]")
    entries = raw.get("cause", [])
    if not isinstance(entries, list):
        problems.add("cause", f"expected [[cause]] entries, got {kind_of(entries)}")
        entries = []
    causes = [_cause(entry, _name(entry, at), problems) for at, entry in enumerate(entries)]
    _check_unique([cause.id for cause in causes if cause is not None], problems)
    if problems.lines:
        raise CausesFileError(path, problems.lines)
    return tuple(cause for cause in causes if cause is not None)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise CausesFileError(path, [f"cannot be read: {os.strerror(error.errno or 0)}"]) from None
    except UnicodeDecodeError:
        raise CausesFileError(path, ["is not UTF-8 text; save it as UTF-8"]) from None
    except ValueError as error:
        raise CausesFileError(path, [f"is not valid TOML: {error}"]) from None


def _name(entry: object, at: int) -> str:
    named = entry.get("id") if isinstance(entry, dict) else None
    return f"cause {named!r}" if isinstance(named, str) and named else f"cause[{at}]"


def _cause(entry: object, path: str, problems: Problems) -> Cause | None:
    before = len(problems)
    table = dict(entry) if isinstance(entry, dict) else entry
    when = _when(table.pop("when", None), f"{path}.when", problems) if isinstance(table, dict) else None
    values = read_table({**table, "when": {}} if isinstance(table, dict) else table, Cause, path, problems)
    if len(problems) == before:
        _check_texts(values, path, problems)
    return Cause(**{**values, "when": when}) if len(problems) == before else None


def _check_texts(values: Mapping[str, Any], path: str, problems: Problems) -> None:
    for key in ("id", "title", "cause", "fix"):
        if not values[key].strip():
            problems.add(join(path, key), "is empty")
    if not _SLUG.fullmatch(values["id"]):
        problems.add(join(path, "id"), f"{values['id']!r} is not of lowercase words joined by '-'")
    if values["whose"] not in WHOSE:
        problems.add(join(path, "whose"), f"unknown value {values['whose']!r}; {did_you_mean(values['whose'], WHOSE)}")
    if not values.get("upstream", "https://").startswith("https://"):
        problems.add(join(path, "upstream"), "is not an https address; leave it out if there is none")
    if values.get("verified") and values.get("unverified"):
        problems.add(join(path, "unverified"), "says why no case is named, and `verified` names one")


def _when(raw: object, path: str, problems: Problems) -> When:
    if not isinstance(raw, dict) or not raw:
        problems.add(path, "is required" if raw is None else "expected a table of conditions")
        return When()
    known = {key: value for key, value in raw.items() if key in _CONDITIONS}
    values = read_table(known, When, path, problems)
    _check_when(values, path, problems)
    packages = {key: value for key, value in raw.items() if key not in _CONDITIONS}
    versions = {key: _specifier(key, value, path, problems) for key, value in packages.items()}
    return When(**values, versions={canonicalize_name(key): text for key, text in versions.items() if text})


def _check_when(values: Mapping[str, Any], path: str, problems: Problems) -> None:
    try:
        re.compile(values.get("error", ""))
    except re.error as error:
        problems.add(join(path, "error"), f"is not a regular expression: {error}")
    opset = values.get("opset", "1")
    if not all(_OPSET.fullmatch(part.strip()) for part in opset.split(",")):
        problems.add(join(path, "opset"), f"{opset!r} is not a comparison with a number (for example '<13')")
    for key, words in _WORDS.items():
        word = values.get(key)
        if word is not None and "*" not in word and word not in words:
            problems.add(join(path, key), f"unknown value {word!r}; {did_you_mean(word, words)}")


def _specifier(key: str, value: object, path: str, problems: Problems) -> str | None:
    """Return the specifier of a package; any package counts, so that a mistyped condition must be told from one."""
    where = join(path, key)
    known = (*_CONDITIONS, *WELL_KNOWN_AXES)
    if key not in WELL_KNOWN_AXES and difflib.get_close_matches(key, known, cutoff=0.75):
        problems.add(where, f"is neither a condition nor a package; {did_you_mean(key, known)}")
        return None
    text = convert(value, str, where, problems)
    if text is None:
        return None
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        problems.add(where, f"unknown key, or {text!r} is not a version specifier (for example '<2.0')")
        return None
    return str(text)


def _check_unique(ids: list[str], problems: Problems) -> None:
    for name in dict.fromkeys(ids):
        if ids.count(name) > 1:
            problems.add(f"cause {name!r}", "there are two entries of this id")
