"""Writes what is recommended: certified combinations only, purely from what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from matrixscan.analysis.recommended import Proof, Recommended, recommended
from matrixscan.commands.known import proofs, released, scanned
from matrixscan.commands.request import places
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record
from matrixscan.reporters._recommended import render_recommended
from matrixscan.store.certified import Certified
from matrixscan.store.reports import Reports


def publish_recommended(plan: Plan, records: Sequence[Record]) -> dict[str, dt.date]:
    """Write the recommendations of a matrix, and delete those that hold no more.

    Args:
        plan: whole.
        records: of its combinations.

    Returns:
        The certified combinations, and the day after which each is stale.
    """
    found, certified = recommendations(plan, records)
    reports = Reports(places().reports, plan.matrix.name)
    locks = Certified(places().reports, plan.matrix.name)
    texts = (
        {}
        if found is None
        else render_recommended(
            found,
            {proof.record.id: proof.record.lock.packages for proof in certified if proof.record.lock},
            {each.id: locks.lock(each.id) or "" for each in found.combinations},
        )
    )
    reports.write_texts(texts)
    reports.prune_recommended(texts)
    return {} if found is None else {each.id: each.expires for each in found.combinations}


def recommendations(plan: Plan, records: Sequence[Record]) -> tuple[Recommended | None, tuple[Proof, ...]]:
    """Return what is recommended and the proofs that it rests on; None where nothing was ever certified."""
    if not Certified(places().reports, plan.matrix.name).ids() or not (records or _has_tables(plan)):
        return None, ()
    scan = scanned(plan, records)
    found = proofs(plan, scan)
    return recommended(scan.landscape, found, plan.matrix.recommend, released(plan), scan.warnings), found


def _has_tables(plan: Plan) -> bool:
    return any((places().reports / plan.matrix.name).glob("*.parquet"))
