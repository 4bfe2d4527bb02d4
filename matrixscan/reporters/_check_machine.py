"""What is known of pins, for programs: JSON, and the annotations of GitHub's workflows."""

from __future__ import annotations

from typing import Any

import msgspec

from matrixscan.analysis.known_pins_types import KNOWN_BAD, KNOWN_GOOD, UNTESTED, Answer
from matrixscan.pins.types import Place
from matrixscan.reporters._check_text import head, near_lines, open_line
from matrixscan.reporters._workflow_commands import annotation

#: Version of the JSON document.
SCHEMA_VERSION = 1

_LEVELS = {KNOWN_GOOD: "notice", KNOWN_BAD: "error", UNTESTED: "warning"}


def render_check_json(answer: Answer, exit_code: int) -> str:
    """Return the answer as JSON; `exit_code` is that of the command."""
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "exit_code": exit_code, **msgspec.to_builtins(answer)}
    for found in (*document["nearest"], *document["nearest_good"]):
        found["verdicts"] = _named(found["verdicts"])
    for matrix in document["matrices"]:
        for match in matrix["matches"]:
            match["verdicts"] = _named(match["verdicts"])
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _named(verdicts: dict[str, Any]) -> dict[str, Any]:
    """Spell out what the index keeps as lists."""
    return {key: dict(zip(("verdict", "words"), judged, strict=True)) for key, judged in verdicts.items()}


def render_check_github(answer: Answer, place: Place) -> str:
    """Return one annotation, at the line of the first pin that was looked up."""
    lines = [head(answer)]
    for each in answer.matrices:
        if each.verdict == KNOWN_BAD:
            lines += [
                f"{each.matrix} {key}: {match.verdicts[key].words}"
                for match in each.matches
                for key, known in each.subjects.items()
                if known == KNOWN_BAD and match.verdicts[key].words
            ]
        elif each.why and (each.matches or answer.verdict == UNTESTED):
            lines += [f"{each.matrix}: {each.why}", *map(open_line, each.open)]
    lines += [f"near: {line.strip()}" for line in near_lines((*answer.nearest, *answer.nearest_good))]
    lines += [*answer.cautions, *answer.notes]
    keys = {"file": place.file, **({"line": str(place.line)} if place.line else {}), "title": "matrixscan"}
    return annotation(_LEVELS[answer.verdict], "\n".join(lines), keys)
