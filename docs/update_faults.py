"""Writes docs/faults.md from the records of reports/faults and the words of tests/faults/_faults.py.

`--check` only says whether the file is current. A fault is found or missed by what the records say, never by this text.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from matrixscan.analysis.controls import trusted  # noqa: E402  the path comes first
from matrixscan.analysis.findings import first_line  # noqa: E402
from matrixscan.analysis.judge import BAD, GOOD, group_lanes, judge_lane, settle_cases  # noqa: E402
from matrixscan.analysis.table import number  # noqa: E402
from matrixscan.records.types import CaseRecord, Record  # noqa: E402
from matrixscan.store.published import published_records  # noqa: E402

UNTOUCHED = "untouched"

#: What was seen when a miss was looked at.
_LOOKED_AT = {
    "narrow_integers": "ONNX Runtime 1.16.1 leaves the narrow cast out when it loads the model, also with its "
    "optimisations off, and so computes what is right; 1.31.1 and ONNX's reference evaluator do not.",
}

_HEAD = """# Seeded faults: is a broken artifact found?

Generated from the records in `reports/faults/` by `nox -s readme`; `nox -s scan -- matrices/faults.toml` measures
them again. Each fault is put into the exported artifact of a model of the catalogue (`tests/faults/`), in every lane
(exporter and opset) of every combination, and the same exports are run untouched. A fault is found if every lane that
it was put into is bad, and a false alarm is an untouched lane that is bad. No fault was given another size or place
after it was first run: where it could be in one of several alike, it is in the middle one.

A margin is tolerance by error at the worst element: under 1 an output fails, over 1 it passes. Of a fault the table
has the largest of the margins by which its lanes failed, so its closest call.
"""


class Injection(msgspec.Struct, frozen=True):
    """One lane of a fault, or of an untouched export."""

    torch: str
    exporter: str
    opset: int
    verdict: str
    how: str  # stage: reason of what failed
    margin: float | None  # the smallest of its outputs; of a bad lane, of those with wrong values
    failed: int  # of its cases
    cases: int
    finished: str | None  # what was changed; None where nothing was
    error: str | None = None  # why the fault could not be put into the artifact

    @property
    def lane(self) -> str:
        """Where it was."""
        return f"torch {self.torch} {self.exporter} {self.opset}"


class Fault(msgspec.Struct, frozen=True):
    """A fault, or the untouched export of a model, with all its lanes."""

    probe: str
    variant: str
    lanes: tuple[Injection, ...]

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.variant.rpartition(".")[2]

    @property
    def put(self) -> tuple[Injection, ...]:
        """The lanes whose artifact was changed."""
        return tuple(lane for lane in self.lanes if lane.finished is not None)

    @property
    def missed(self) -> tuple[Injection, ...]:
        """The lanes in which it is not found."""
        return tuple(lane for lane in self.put if lane.verdict != BAD)


def main() -> None:
    """Rewrite docs/faults.md, or with --check exit with 1 if that would change it."""
    path = ROOT / "docs/faults.md"
    text = rendered(read_faults(ROOT / "reports/faults"))
    if sys.argv[1:] == ["--check"]:
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        raise SystemExit(0 if current == text else f"{path.name} is not current: run nox -s readme")
    path.write_text(text, encoding="utf-8")


def read_faults(folder: Path) -> list[Fault]:
    """Return every fault and every untouched export of the published records, in the order of the matrix."""
    records = trusted(published_records(folder)).records
    found: dict[tuple[str, str], list[Injection]] = {}
    for record in sorted(records, key=lambda record: Version(record.axes["torch"])):
        for lane in group_lanes(settle_cases(record.cases)).values():
            made = _injection(record, lane)
            if made is not None:
                found.setdefault((lane[0].probe, lane[0].variant), []).append(made)
    return [Fault(probe, variant, tuple(lanes)) for (probe, variant), lanes in found.items()]


def faults(everything: Sequence[Fault]) -> list[Fault]:
    """Return the faults that could be put into at least one artifact."""
    return [fault for fault in everything if fault.name != UNTOUCHED and fault.put]


def untouched(everything: Sequence[Fault]) -> list[tuple[Fault, Injection]]:
    """Return the lanes of untouched exports that say something: good or bad."""
    return [
        (fault, lane)
        for fault in everything
        if fault.name == UNTOUCHED
        for lane in fault.lanes
        if lane.verdict in {GOOD, BAD}
    ]


def _injection(record: Record, lane: Sequence[CaseRecord]) -> Injection | None:
    """Return what became of a lane; None where it does not exist or was not run."""
    verdict = judge_lane(lane)
    if verdict not in {GOOD, BAD} or lane[0].witness:
        return None
    failed = [case for case in lane if case.outcome != "passed"]
    # Of a bad lane only values that are wrong: beside a NaN all others may be right to the last digit.
    outputs = [output for case in lane for output in case.outputs if verdict == GOOD or output.reason == "mismatch"]
    margins = [output.margin for output in outputs if output.margin is not None]
    lost = next((case.error for case in failed if case.stage == "export" and case.error), None)
    finished = lane[0].facts.get("finished")
    return Injection(
        torch=record.axes["torch"],
        exporter=lane[0].exporter,
        opset=lane[0].opset,
        verdict=verdict,
        how=", ".join(dict.fromkeys(f"{case.stage}: {case.reason or case.outcome}" for case in failed)),
        margin=min(margins, default=None),
        failed=len(failed),
        cases=len(lane),
        finished=None if finished is None else str(finished),
        error=None if lost is None else f"{lost.type}: {first_line(lost.message)}",
    )


def words() -> dict[str, str]:
    """Return fault -> what it changes."""
    tree = ast.parse((ROOT / "tests/faults/_faults.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name: (ast.get_docstring(node) or "").split("\n", 1)[0] for node in functions}


def rendered(everything: Sequence[Fault]) -> str:
    """Return the page."""
    known, seeded, quiet = words(), faults(everything), untouched(everything)
    missed = [fault for fault in seeded if fault.missed]
    alarms = [pair for pair in quiet if pair[1].verdict == BAD]
    put = [lane for fault in seeded for lane in fault.put]
    bare = [lane for lane in put if lane.verdict == BAD]
    lines = [
        _HEAD,
        f"- **{len(seeded) - len(missed)} of {len(seeded)} faults found**, in {len(bare)} of {len(put)} artifacts.",
        f"- **{len(alarms)} false alarms** in {len(quiet)} untouched lanes; {_smallest([lane for _, lane in quiet])}.",
        f"- {_closest(seeded)}",
        "",
        "## Faults",
        "",
        "| model | fault | what it changes | found in | how | closest margin |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(fault, known) for fault in seeded),
        "",
        *_missed(missed, known),
        *_not_put(everything),
        "## Untouched",
        "",
        "| model | lane | cases | verdict | smallest margin |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {_model(fault)} | {lane.lane} | {lane.cases} | {lane.verdict} | {_margin(lane.margin)} |"
            for fault, lane in quiet
        ),
    ]
    return "\n".join(lines) + "\n"


def _model(fault: Fault) -> str:
    where = fault.variant.rpartition(".")[0]
    return f"{fault.probe} {where}" if where else fault.probe


def _row(fault: Fault, known: Mapping[str, str]) -> str:
    found = len(fault.put) - len(fault.missed)
    how = ", ".join(dict.fromkeys(part for lane in fault.put for part in lane.how.split(", ") if part)) or "missed"
    closest = _margin(max((lane.margin for lane in fault.put if lane.margin is not None), default=None))
    count = f"{found} of {len(fault.put)} lanes" if found else f"**missed** in {len(fault.put)} lanes"
    return f"| {_model(fault)} | {fault.name} | {known[fault.name]} | {count} | {how} | {closest} |"


def _missed(missed: Sequence[Fault], known: Mapping[str, str]) -> Iterator[str]:
    if missed:
        yield from ("## Missed", "")
        for fault in missed:
            where = "; ".join(f"{lane.lane} ({lane.finished})" for lane in fault.missed)
            seen = _LOOKED_AT.get(fault.name, "")
            yield f"- {_model(fault)}, {fault.name}: {known[fault.name]} Not found in {where}. {seen}".rstrip()
        yield ""


def _not_put(everything: Sequence[Fault]) -> Iterator[str]:
    """Name the lanes that could not be given their fault: they count neither way."""
    lost = [
        (fault, lane)
        for fault in everything
        if fault.name != UNTOUCHED
        for lane in fault.lanes
        if lane.finished is None
    ]
    if lost:
        yield from (
            "## Not put in",
            "",
            "These lanes ended before their artifact was changed, and count neither way.",
            "",
        )
        yield from (f"- {_model(fault)}, {fault.name}, {lane.lane}: {lane.error}" for fault, lane in lost)
        yield ""


def _smallest(lanes: Sequence[Injection]) -> str:
    least = min((lane.margin for lane in lanes if lane.margin is not None), default=None)
    return f"their smallest margin is {_margin(least)}"


def _closest(seeded: Sequence[Fault]) -> str:
    margins = [
        (lane.margin, fault, lane)
        for fault in seeded
        for lane in fault.put
        if lane.verdict == BAD and lane.margin is not None
    ]
    margin, fault, lane = max(margins, key=lambda found: found[0])
    where = f"{_model(fault)}, {fault.name}, {lane.lane}"
    return f"The closest call among those found has a margin of {_margin(margin)}: {where}."


def _margin(margin: float | None) -> str:
    return "-" if margin is None else number(margin)


if __name__ == "__main__":
    main()
