"""The rules for a verdict where no few of them fit: those of its findings, each found by itself, put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from matrixscan.analysis.rules import RULES, Labels, Row, RuleSet
from matrixscan.analysis.rules_cost import limits_of
from matrixscan.analysis.rules_find import state_rules
from matrixscan.analysis.rules_space import Axis, Mask
from matrixscan.analysis.rules_state import Halves


def united(parts: Sequence[RuleSet], rows: Sequence[Row], labels: Labels, space: Sequence[Axis]) -> RuleSet | None:
    """Return the rules of findings as those of the verdict "any of them", or None.

    Every rule rests on the combinations that show its own finding, so that their number makes nothing up.

    Args:
        parts: The rules of each finding.
        rows: Axis -> version.
        labels: Of the verdict: 1 is bad, -1 good.
        space: Of the rows.
    """
    if not parts or any(part.state != RULES or part.inverse for part in parts):
        return None
    wanted = labels > 0
    covering = {
        rule.halves: np.array([rule.covers(row) for row in rows]) & wanted for part in parts for rule in part.rules
    }
    made = state_rules(_needed(covering), rows, labels, space)
    if made is None or made.exceptions > limits_of(made.positives, made.negatives).exceptions:
        return None
    return msgspec.structs.replace(made, united=True, complete=all(part.complete for part in parts))


def _needed(covering: dict[Halves, Mask]) -> list[Halves]:
    """Return the rules without those that cover nothing the others do not, the narrowest asked first."""
    kept = dict(covering)
    for halves, own in sorted(covering.items(), key=lambda pair: int(pair[1].sum())):
        others = [mask for other, mask in kept.items() if other != halves]
        if others and not (own & ~np.logical_or.reduce(others)).any():
            del kept[halves]
    return list(kept)
