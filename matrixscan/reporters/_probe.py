"""Everything about one probe in one combination, for whoever is writing it."""

from __future__ import annotations

import tabulate

from matrixscan.analysis.judge import judge_cases, settle_cases
from matrixscan.analysis.known import known_failures
from matrixscan.analysis.table import number
from matrixscan.records.types import CaseRecord, OutputMetrics, Record

_HEADERS = ("output", "shape", "type", "max_abs", "max_rel", "cosine", "noise", "required_atol", "margin", "")


def render_probe(record: Record) -> str:
    """Return what a record holds about its cases, one paragraph each, and what that amounts to."""
    lines = [f"{stage.stage:<8} {stage.outcome}  {stage.seconds:.1f} s" for stage in record.stages]
    lines += [f"         {stage.error.type}: {stage.error.message}" for stage in record.stages if stage.error]
    cases = settle_cases(record.cases)
    for case in cases:
        lines += ["", *_case(case)]
    for name, probe in record.probes.items():
        lines += ["", f"{name}: {probe.summary}", *_data(probe.weights, "weights"), *_data(probe.inputs, "inputs")]
        if probe.requirements:
            lines.append(f"  its own packages: {', '.join(probe.requirements)}")
    pairs = dict.fromkeys((case.probe, case.variant) for case in cases)
    lines.append("")
    for probe_name, variant in pairs:
        own = [case for case in cases if (case.probe, case.variant) == (probe_name, variant)]
        judgement = judge_cases(own)
        why = f" at {judgement.stage}: {judgement.reason or judgement.outcome}" if judgement.stage else ""
        lines.append(f"{probe_name}/{variant}: {judgement.verdict}{why}")
        for known in known_failures(record, probe_name, own):
            several = "" if len(known.cases) == 1 else "s"
            count = f"{len(known.cases)} case{several} failed as announced"
            what = count if known.cases else "announced to fail, and passed"
            lines.append(f"  {what}: {known.reason} (until {known.until}{', out of date' if known.expired else ''})")
    return "\n".join(lines) + "\n"


def _data(digests: dict[str, str], kind: str) -> list[str]:
    return [f"  {kind} {name}: {digest[:16]}" for name, digest in digests.items()]


def _case(case: CaseRecord) -> list[str]:
    where = f" at {case.stage}" if case.stage else ""
    why = f": {case.reason}" if case.reason else ""
    lines = [case.id, f"  {case.outcome}{where}{why}{' (a witness: decides nothing)' if case.witness else ''}"]
    if case.error:
        lines += [f"  {line}" for line in f"{case.error.type}: {case.error.message}".splitlines()]
    if case.seconds:
        lines.append("  seconds: " + ", ".join(f"{stage} {spent:.2f}" for stage, spent in case.seconds.items()))
    lines += [f"  {name}: {value}" for name, value in sorted(case.facts.items())]
    if case.outputs:
        table = tabulate.tabulate([_row(output) for output in case.outputs], _HEADERS, disable_numparse=True)
        lines += [f"  {line}" for line in table.splitlines()]
    return lines


def _row(output: OutputMetrics) -> tuple[str, ...]:
    same = output.shape == output.reference_shape and output.dtype == output.reference_dtype
    shape = "x".join(map(str, output.shape)) or "scalar"
    if not same:
        shape += f" (eager {'x'.join(map(str, output.reference_shape)) or 'scalar'} {output.reference_dtype})"
    figures = (output.max_abs, output.max_rel, output.cosine, output.noise_floor, output.required_atol, output.margin)
    texts = ("-" if figure is None else number(figure) for figure in figures)
    return (output.name, shape, output.dtype, *texts, "ok" if output.passed else str(output.reason))
