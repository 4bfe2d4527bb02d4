"""The index of a wide scan: verdicts of its grid, and what is known of where and when they were measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matrixscan.analysis.grid_files import Published
from matrixscan.analysis.judge import deciding_variants
from matrixscan.analysis.known_pins_index import Index, Platform, encode_index
from matrixscan.analysis.known_pins_made import Facts, index_of_grid, installed, platform_of
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record
from matrixscan.store.parquet import read_meta
from matrixscan.store.published import published_records
from matrixscan.store.sides import EXPORTS


def wide_index_text(published: Published, plan: Plan, folder: Path) -> str:
    """Return the file of a wide scan."""
    return encode_index(wide_index(published, plan.matrix.name, folder, plan))


def wide_index(published: Published, matrix: str, folder: Path, plan: Plan | None) -> Index:
    """Return the index of a wide scan; without its plan, every variant of a judged probe decides."""
    judged = {str(name) for name in published.about.get("judged", ())} if plan is None else set(plan.judged)
    subjects = published.grid.subjects()
    deciding = {subject for subject in subjects if subject[0] in judged}
    if plan is not None:
        variants = deciding_variants(plan.cases, {probe.name for probe in plan.probes if probe.family})  # type: ignore[arg-type]  # planned cases have what is asked of them
        deciding = {(probe, variant) for probe, variant in deciding if variant in variants.get(probe, ())}
    if (folder / EXPORTS).is_file():
        facts = _facts_of_sides(folder, published)
    else:
        facts = _facts_of_records(published_records(folder))
    advises = plan is None or plan.matrix.advises
    return index_of_grid(published.grid, matrix, deciding, facts, advises=advises)


def _facts_of_records(records: Iterable[Record]) -> dict[frozenset[tuple[str, str]], Facts]:
    return {
        frozenset(record.axes.items()): Facts(
            platform_of(record.platform, record.lock.torch_index if record.lock else None),
            record.finished[:10],
            installed(record.lock.packages if record.lock else {}, record.resolved),
        )
        for record in records
    }


def _facts_of_sides(folder: Path, published: Published) -> dict[frozenset[tuple[str, str]], Facts]:
    """Return where and when; no packages, of which either side has its own."""
    sides = read_meta(folder / EXPORTS).sides
    platforms = {platform_of(side.facts.get("platform", {}), None) for side in sides}
    one = Platform("; ".join(sorted(each.words for each in platforms)))
    platform = platforms.pop() if len(platforms) == 1 else one
    known = Facts(platform, str(published.about.get("finished", ""))[:10], {})
    return {frozenset(row.items()): known for row in published.grid.rows}
