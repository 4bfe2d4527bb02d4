"""Pins of one certified combination as installers read them: constraints, a lock with hashes, a pyproject's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from matrixscan.analysis.ranking import minor
from matrixscan.analysis.recommend import public
from matrixscan.analysis.recommended import Combination

_COMMENT = re.compile(r"^#.*\n", re.MULTILINE)


def render_constraints(combination: Combination, packages: Mapping[str, str], file: str | None = None) -> str:
    """Return every transitive pin, below a comment that says what it is good for and what not.

    Args:
        combination: a certified one.
        packages: every pin of its lock.
        file: what the text is written to; what it is published as unless said.
    """
    header = _header(combination)
    if combination.torch_index == "cpu":
        header.append("torch was taken from its CPU builds; local labels such as +cpu are left out")
    header.append(f"use: pip install -c {file or f'constraints-{combination.id}.txt'} ...")
    lines = (f"{name}=={version}" for name, version in transitive(combination, packages).items())
    return "\n".join([*(f"# {line}" for line in header), *lines]) + "\n"


def render_lock(combination: Combination, lock: str, file: str | None = None) -> str:
    """Return the lock that the combination was rebuilt from, with hashes, below the same comment; it names no index."""
    name = file or f"lock-{combination.id}.txt"
    backend = " --torch-backend cpu" if combination.torch_index == "cpu" else ""
    header = [
        *_header(combination),
        f"SHA-256 of the lock that was certified: {combination.lock_sha256}",
        f"use: uv pip sync --require-hashes{backend} {name}",
        *([] if backend else [f"or:  pip install --require-hashes -r {name}"]),
    ]
    return "".join(f"# {line}\n" for line in header) + _COMMENT.sub("", lock)


def render_pyproject(combination: Combination, packages: Mapping[str, str]) -> str:
    """Return the tables of a pyproject.toml: the axes as dependencies, all else as constraints of uv."""
    own = {canonicalize_name(name) for name in combination.pins}
    direct = [f"{name}=={version}" for name, version in combination.pins.items()]
    rest = [f"{name}=={version}" for name, version in transitive(combination, packages).items() if name not in own]
    lines = ["[project]", f'requires-python = "=={minor(combination.python)}.*"', *_list("dependencies", direct)]
    if rest:
        lines += ["", "[tool.uv]", *_list("constraint-dependencies", rest)]
    return "\n".join(lines) + "\n"


def transitive(combination: Combination, packages: Mapping[str, str]) -> dict[str, str]:
    """Return every pin by normalised name, sorted, without local labels; the axes alone where no lock is known."""
    found = packages or combination.pins
    return {str(canonicalize_name(name)): public(found[name]) for name in sorted(found, key=canonicalize_name)}


def _list(key: str, items: list[str]) -> list[str]:
    return [f"{key} = [", *(f'    "{item}",' for item in items), "]"]


def _header(combination: Combination) -> list[str]:
    other = [f"{key} ({verdict})" for key, verdict in combination.not_known_good_for.items()]
    return [
        f"{combination.id}: {', '.join(f'{axis} {version}' for axis, version in combination.axes.items())}",
        f"certified on {combination.certified}, stale after {combination.expires}; confidence {combination.confidence}",
        f"good for: {', '.join(combination.good_for)}",
        *([f"NOT known good for: {', '.join(other)}"] if other else []),
        f"measured on: {combination.platform}, Python {combination.python}",
    ]
