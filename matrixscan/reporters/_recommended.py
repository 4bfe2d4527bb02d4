"""Every file that says what is recommended. Not reporters of a scan: they speak of certified combinations alone."""

from __future__ import annotations

from collections.abc import Mapping

from matrixscan.analysis.recommended import Recommended
from matrixscan.reporters import _badge, _recommended_json, _recommended_md
from matrixscan.reporters._constraints import render_constraints, render_lock


def render_recommended(
    found: Recommended, packages: Mapping[str, Mapping[str, str]], locks: Mapping[str, str]
) -> dict[str, str]:
    """Return file name -> text.

    Args:
        found: what is recommended.
        packages: combination -> every pin of its lock.
        locks: combination -> its lock.
    """
    texts = {
        "recommended.md": _recommended_md.render(found, packages),
        "recommended.json": _recommended_json.render(found),
        "badge.json": _badge.render(found),
    }
    for combination in found.combinations:
        if combination.files:
            texts[combination.files["constraints"]] = render_constraints(combination, packages[combination.id])
            texts[combination.files["lock"]] = render_lock(combination, locks[combination.id])
    return texts
