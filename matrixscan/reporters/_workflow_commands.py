"""Commands of GitHub's workflows, which a step prints: annotations. No text can end one or begin another."""

from __future__ import annotations

from collections.abc import Mapping

_IN_TEXT = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_KEYS = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def annotation(level: str, text: str, keys: Mapping[str, str]) -> str:
    """Return an annotation as a line.

    Args:
        level: `error`, `warning` or `notice`.
        text: What is said; it may have several lines.
        keys: `file`, `line`, `title` and their values.
    """
    said = ",".join(f"{key}={value.translate(_IN_KEYS)}" for key, value in keys.items())
    return f"::{level} {said}::{text.translate(_IN_TEXT)}\n"
