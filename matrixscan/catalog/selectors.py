"""Selectors: the words of a matrix that mean releases, such as `minors >=1.15` or `era:torch`. Pure."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from matrixscan.catalog.types import Release
from matrixscan.errors import did_you_mean

COUNTED = ("latest", "oldest")
WORDS = (*COUNTED, "minors", "era", "since", "pre", "optional")
EXAMPLE = "for example 'latest', 'minors >=1.13' or 'era:torch'"
_OPERATOR = re.compile(r"[<>=!~]")
_OPERATOR_ALONE = re.compile(r"([<>=!~]=?=?)\s+")
_WORD = re.compile(r"([a-z]+)(?::(.*))?")


class SelectorError(Exception):
    """A selector cannot be read, or cannot mean anything here. The text is for the matrix's author."""


class Selector(msgspec.Struct, frozen=True):
    """A selector, read. Filters come first, then the picker."""

    picker: str = ""  # latest, oldest, minors or era; empty: every release that the filters leave
    count: int = 1  # of latest and oldest
    axis: str = ""  # of era
    specifiers: str = ""  # PEP 440
    since: dt.date | None = None
    pre: bool = False
    optional: bool = False  # era: where no release is old enough the axis is left out of the row


class Policy(msgspec.Struct, frozen=True):
    """What holds for every selector of a matrix."""

    as_of: dt.datetime  # UTC, when the lock is made
    exclude_newer: dt.date | None = None
    min_age: float = 0.0  # days
    era_grace: float = 30.0  # days


@functools.lru_cache(maxsize=65536)
def version(text: str) -> Version:
    """Return the version of a text that is one; the same few are compared again and again."""
    return Version(text)


def is_exact(text: str) -> bool:
    """Tell an exact version from anything else."""
    try:
        version(text)
    except InvalidVersion:
        return False
    return True


def looks_like_selector(text: str) -> bool:
    """Tell a text that is meant as a selector from one that is meant as a version, rightly spelled or not."""
    text = text.strip()
    return not is_exact(text) and (" " in text or bool(_OPERATOR.match(text) or _WORD.match(text)))


@functools.lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """Read a selector.

    Raises:
        SelectorError: with what is wrong, in words.
    """
    found: dict[str, Any] = {"specifiers": []}
    words = iter(_OPERATOR_ALONE.sub(r"\1", text).split())
    for word in words:
        if _OPERATOR.match(word):
            found["specifiers"].append(word.strip(","))
        elif word == "since":
            _once(found, "since", _date(next(words, "")))
        else:
            _read_word(word, found)
    specifiers = ",".join(part for part in found.pop("specifiers") if part)
    try:
        SpecifierSet(specifiers)
    except InvalidSpecifier:
        raise SelectorError(f"{specifiers!r} is no version specifier (for example '>=1.13,<2')") from None
    if found.get("optional") and found.get("picker") != "era":
        raise SelectorError("optional goes with era:AXIS only: other selectors do not depend on the row")
    if not found and not specifiers:
        raise SelectorError(f"is empty; name a version or a selector ({EXAMPLE})")
    return Selector(specifiers=specifiers, **found)


def _read_word(word: str, found: dict[str, Any]) -> None:
    name, argument = _split(word)
    if name in {"pre", "optional"} and argument is None:
        _once(found, name, True)
    elif name in COUNTED:
        _once(found, "picker", name)
        found["count"] = _count(name, argument)
    elif name == "minors" and argument is None:
        _once(found, "picker", name)
    elif name == "era":
        _once(found, "picker", name)
        found["axis"] = _axis(argument)
    else:
        raise SelectorError(_unknown(word, name))


def _split(word: str) -> tuple[str, str | None]:
    match = _WORD.fullmatch(word)
    return (match[1], match[2]) if match else (word, None)


def _unknown(word: str, name: str) -> str:
    if is_exact(word):
        return f"{word!r} stands beside other words; an exact version stands alone, or write '=={word}'"
    if name in WORDS:
        return f"{word!r}: {name} takes no argument"
    return f"unknown word {word!r}; {did_you_mean(name, WORDS)}"


def _once(found: dict[str, Any], key: str, value: object) -> None:
    if key in found:
        what = f"a second picker ({found[key]}, {value}); one at most" if key == "picker" else f"{key} twice"
        raise SelectorError(f"has {what}")
    found[key] = value


def _count(name: str, argument: str | None) -> int:
    if argument is None:
        return 1
    if not re.fullmatch(r"[1-9][0-9]{0,5}", argument):
        raise SelectorError(f"'{name}:{argument}' needs a whole number above 0 (for example '{name}:3')")
    return int(argument)


def _axis(argument: str | None) -> str:
    try:
        name = canonicalize_name(argument or "", validate=True)
    except InvalidName:
        raise SelectorError("era names no axis; write for example 'era:torch'") from None
    if name == "python":
        raise SelectorError("era:python: only packages have upload dates; name a package axis")
    return name


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SelectorError(f"since needs a date (for example 'since 2024-01-31'), got {text!r}") from None


def select(
    selector: Selector, releases: Iterable[Release], policy: Policy, anchor: dt.datetime | None = None
) -> tuple[str, ...]:
    """Return the versions a selector means, ascending.

    Args:
        selector: what is asked.
        releases: of one package, each version once.
        policy: of the matrix.
        anchor: for era: when the release of the other axis was uploaded.

    Raises:
        ValueError: an era selector has no anchor.
    """
    first, last = _window(selector, policy, anchor)
    fitting = [release.version for release in releases if _fits(release, selector, first, last)]
    return tuple(map(str, _pick(selector, sorted(map(version, fitting)))))


def _window(
    selector: Selector, policy: Policy, anchor: dt.datetime | None
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return the first and the last moment of an upload; None where there is no bound."""
    ends = []
    if policy.exclude_newer is not None:
        ends.append(_midnight(policy.exclude_newer) + dt.timedelta(days=1, microseconds=-1))
    if policy.min_age:
        ends.append(policy.as_of - dt.timedelta(days=policy.min_age))
    if selector.picker == "era":
        if anchor is None:
            raise ValueError("an era selector needs the date of the other axis")
        ends.append(anchor + dt.timedelta(days=policy.era_grace))
    return (_midnight(selector.since) if selector.since else None), min(ends, default=None)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _fits(release: Release, selector: Selector, first: dt.datetime | None, last: dt.datetime | None) -> bool:
    if release.yanked or (version(release.version).is_prerelease and not selector.pre):
        return False
    if release.uploaded is None and (first or last):  # nobody can say, so it cannot be shown to fit
        return False
    inside = release.uploaded is None or (
        (first is None or release.uploaded >= first) and (last is None or release.uploaded <= last)
    )
    return inside and allows(selector.specifiers, release.version)


def _pick(selector: Selector, versions: Sequence[Version]) -> Sequence[Version]:
    if selector.picker == "oldest":
        return versions[: selector.count]
    if selector.picker == "minors":
        # Ascending, so that the last of each minor stays.
        return list({(found.epoch, found.major, found.minor): found for found in versions}.values())
    if selector.picker in {"latest", "era"}:
        return versions[-selector.count :]
    return versions


@functools.lru_cache(maxsize=4096)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


@functools.lru_cache(maxsize=65536)
def allows(specifiers: str, text: str) -> bool:
    """Return whether PEP 440 specifiers contain a version, a pre-release like any other."""
    return _specifiers(specifiers).contains(version(text), prereleases=True)
