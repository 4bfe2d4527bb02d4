"""Writes docs/field-reports.md from the records of reports/seeds and the claims of docs/field_reports.toml.

`--check` only says whether the file is current. A claim holds or does not by what the records say, never by this text.
"""

from __future__ import annotations

import fnmatch
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from matrixscan.analysis.findings import first_line  # noqa: E402  the path comes first
from matrixscan.analysis.judge import BAD_OUTCOMES, settle_cases  # noqa: E402
from matrixscan.analysis.table import number  # noqa: E402
from matrixscan.matrix.conditions import holds  # noqa: E402
from matrixscan.records.types import CaseRecord, Record  # noqa: E402
from matrixscan.store.published import published_records  # noqa: E402

_HEAD = """# Five field reports, run

Generated from the records in `reports/seeds/` by `nox -s readme`; scan again with `nox -s scan -- matrices/seeds.toml`.
Weights are seeded, so figures are those of the same network with other weights than the reports'. A case is one probe,
variant, exporter, opset, precision, runner and size in one combination; those that cannot exist or could not be tried
are not counted, and the tables say why.
"""

#: How many lines of failures one claim may show.
_MOST_GROUPS = 6

_MOST_WORDS = 240
#: What ONNX Runtime says before it says what happened.
_CEREMONY = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Non-zero status code returned while running )?")

#: The operator and the last clause; between them are the node's name and the place in its source.
_NODE = re.compile(r"(\w+) node\. Name:'[^']*' Status Message: (?:.*\) (?=\w))?(.*)")

Found = list[tuple[Record, CaseRecord]]


def main() -> None:
    """Rewrite docs/field-reports.md, or with --check exit with 1 if that would change it."""
    path = ROOT / "docs/field-reports.md"
    text = rendered(read_records(ROOT / "reports/seeds"), tomllib.loads(claims_text()))
    if sys.argv[1:] == ["--check"]:
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        raise SystemExit(0 if current == text else f"{path.name} is not current: run nox -s readme")
    path.write_text(text, encoding="utf-8")


def claims_text() -> str:
    """Return the claims of the reports as TOML."""
    return (ROOT / "docs/field_reports.toml").read_text(encoding="utf-8")


def read_records(folder: Path) -> list[Record]:
    """Return every record of a published matrix with settled cases, oldest torch first."""
    records = list(published_records(folder))
    import msgspec  # noqa: PLC0415  only main needs it

    settled = [msgspec.structs.replace(record, cases=settle_cases(record.cases)) for record in records]
    return sorted(settled, key=lambda record: Version(record.axes["torch"]))


def rendered(records: Sequence[Record], claims: Mapping[str, Any]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for report in claims["report"]:
        parts.append(f"## {report['title']}\n\n{report['said']}\n")
        parts.append("\n".join(_claim(records, claim) for claim in report["claim"]) + "\n")
        parts.append(_fixes(records, report))
        parts.append(_table(records, report["probes"]))
    return "\n".join(parts).rstrip() + "\n"


def _claim(records: Sequence[Record], claim: Mapping[str, Any]) -> str:
    found = matching(records, claim["when"])
    counted = [pair for pair in found if pair[1].outcome == "passed" or pair[1].outcome in BAD_OUTCOMES]
    hits = [pair for pair in counted if _as_claimed(pair[1], claim["expect"])]
    others = [pair for pair in counted if not _as_claimed(pair[1], claim["expect"])]
    return f"- **{claim['text']}** {_verdict(hits, counted, found)}{_groups([*hits, *others])}"


def _verdict(hits: Found, counted: Found, found: Found) -> str:
    if not found:
        return "Not run."
    if not counted:
        return f"Cannot be tried: {_why(found)}."
    share = "so in all" if len(hits) == len(counted) else f"so in {len(hits)} of" if hits else "so in none of"
    return f"By the records {share} {len(counted)} cases."


def matching(records: Iterable[Record], when: Mapping[str, Any]) -> Found:
    """Return the cases that fulfil every condition, with their records; no claim rests on a witness."""
    pattern, rest = when["probe"], {key: condition for key, condition in when.items() if key != "probe"}
    return [
        (record, case)
        for record in records
        for case in record.cases
        if not case.witness and fnmatch.fnmatchcase(case.probe, pattern) and holds(rest, _facts(record, case))
    ]


def _facts(record: Record, case: CaseRecord) -> dict[str, str | int]:
    texts = {key: getattr(case, key) or "" for key in ("exporter", "precision", "runner", "variant", "stage")}
    return {
        **record.axes,
        **case.size,
        **texts,
        "outcome": case.outcome,
        "reason": case.reason or "",
        "opset": case.opset,
    }


def _as_claimed(case: CaseRecord, expect: str) -> bool:
    if expect == "passes":
        return case.outcome == "passed"
    if expect == "parts agree":
        parts = [output for output in case.outputs if output.part is not None]
        return bool(parts) and all(output.passed for output in parts)
    if expect == "fails":
        return case.outcome in BAD_OUTCOMES
    return case.outcome in BAD_OUTCOMES and expect in {case.reason, case.outcome, case.stage}


def _groups(found: Found) -> str:
    """Return what happened, one line a kind of outcome, with its worst figure and where that was."""
    groups: dict[tuple[str, ...], Found] = {}
    for record, case in found:
        groups.setdefault(_kind(case), []).append((record, case))
    lines = [_group(kind, pairs) for kind, pairs in groups.items()]
    if len(lines) > _MOST_GROUPS:
        lines = [*lines[:_MOST_GROUPS], f"\n  - and {len(lines) - _MOST_GROUPS} other kinds"]
    return "".join(lines)


def _kind(case: CaseRecord) -> tuple[str, ...]:
    if case.outcome == "passed":
        return ("passed",)
    # Names of nodes and lengths differ from case to case, and say the same.
    return (case.outcome, case.stage or "", case.reason or "", re.sub(r"\d+", "#", _said(case)))


def _said(case: CaseRecord) -> str:
    if case.error is None:
        return ""
    message = _CEREMONY.sub("", first_line(case.error.message))
    node = _NODE.match(message)
    return f"{case.error.type}: {f'{node[1]} node: {node[2]}' if node else message}"[:_MOST_WORDS]


def _group(kind: tuple[str, ...], pairs: Found) -> str:
    torches = ", ".join(dict.fromkeys(record.axes["torch"] for record, _ in pairs))
    figures = [
        (output.max_abs, output.cosine, output.name, case)
        for _, case in pairs
        for output in case.outputs
        # A picture or an embedding says more by its values than labels do.
        if output.max_abs is not None and output.agreement is None and output.passed == (kind[0] == "passed")
    ]
    worst = max(figures, key=lambda figure: figure[0], default=None)
    said = ""
    if worst is not None:
        where = ", ".join(f"{name}={length}" for name, length in worst[3].size.items())
        cosine = "" if worst[1] is None else f", cosine {worst[1]:.6f}"
        opset = f" opset {worst[3].opset}" if worst[3].opset else ""
        said = f"; largest max_abs {number(worst[0])}{cosine} ({worst[2]}, {worst[3].exporter}{opset}, {where})"
    what = "passed" if kind[0] == "passed" else f"{kind[0]} at {kind[1]}" + (f", {kind[2]}" if kind[2] else "")
    words = _said(pairs[0][1])
    error = f"; `{words}`" if words else ""
    return f"\n  - torch {torches}: {len(pairs)} {what}{said}{error}"


def _why(found: Found) -> str:
    errors = dict.fromkeys(first_line(case.error.message) for _, case in found if case.error)
    return "; ".join(errors) or "no such case exists"


def _fixes(records: Sequence[Record], report: Mapping[str, Any]) -> str:
    """Say what passes where what was reported fails, by the records."""
    lines = []
    for fix in report.get("fix", ()):
        pairs = matching(records, fix["when"])
        found = [pair for pair in pairs if pair[1].outcome == "passed" or pair[1].outcome in BAD_OUTCOMES]
        failed = [pair for pair in found if pair[1].outcome != "passed"]
        counts = f"{len(found) - len(failed)} of {len(found)} cases pass."
        lines.append(f"- {fix['text']}: {counts}{_groups(failed)}")
    return "What fixes it:\n\n" + "\n".join(lines) + "\n" if lines else ""


def _table(records: Sequence[Record], probes: Sequence[str]) -> str:
    """Return cases passed of those counted, a row each (probe, variant) and a column each combination."""
    names = [f"torch {record.axes['torch']}" for record in records]
    pairs = dict.fromkeys(
        (case.probe, case.variant)
        for probe in probes
        for record in records
        for case in record.cases
        if case.probe == probe
    )
    lines = [f"| cases passed | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for probe, variant in pairs:
        lines.append(f"| {probe}/{variant} | {' | '.join(_cell(record, probe, variant) for record in records)} |")
    return "\n".join(lines) + "\n"


def _cell(record: Record, probe: str, variant: str) -> str:
    cases = [
        case
        for case in record.cases
        if (case.probe, case.variant) == (probe, variant) and case.outcome != "infeasible" and not case.witness
    ]
    if not cases:
        return "none exists"
    passed = sum(case.outcome == "passed" for case in cases)
    if passed == len(cases):
        return f"all {passed}"
    first = next(case for case in cases if case.outcome != "passed")
    return f"{passed} of {len(cases)}; {first.stage}: {first.reason or first.outcome}"


if __name__ == "__main__":
    main()
