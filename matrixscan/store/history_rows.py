"""What the history keeps of a record, and what makes two measurements those of one thing. Pure.

A *setup* is all that decides results but the platform and the probes. A *subject* is one case of a setup on a platform
with one state of its probe: two outcomes of a subject contradict each other. An *identity* names one measurement, so
that the same one is kept once, however often and in whichever record it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from matrixscan.harness.protocol import size_text
from matrixscan.records.types import CaseRecord, Record

#: Stands for the environment itself among the cases (as in analysis/grid.py).
ENVIRONMENT = "environment"

Row = dict[str, Any]


class Rows(NamedTuple):
    """The rows of a record."""

    record: Row
    platform: Row
    cases: list[Row]


def rows_of(record: Record) -> Rows:
    """Return what is kept of a record; cases in an order that every writer shares."""
    setup, platform = setup_of(record), platform_digest(record.platform)
    probes = {name: probe.digest for name, probe in sorted(record.probes.items())}
    kept = {
        "identity": digest(setup, platform, probes, record.matrix, record.id, record.started, record.finished),
        "setup": setup,
        "matrix": record.matrix,
        "combination": record.id,
        "axes": _json(record.axes),
        "evidence": record.evidence,
        "lock": record.lock.sha256 if record.lock else None,
        "platform": platform,
        "harness": record.harness,
        "probes": _json(probes),
        "key": record.key,
        "matrixscan": record.matrixscan,
        "started": record.started,
        "finished": record.finished,
    }
    cases = [_environment(record, setup), *(_case(case, record, setup, platform) for case in record.cases)]
    unique = {case["identity"]: case for case in cases}
    platforms = {"digest": platform, "facts": _json(record.platform)}
    return Rows(_plain(kept), _plain(platforms), [_plain(unique[name]) for name in sorted(unique)])


def setup_of(record: Record) -> str:
    """Return the digest of what decides a record's results besides the platform and the probes."""
    lock = record.lock.sha256 if record.lock else None
    return digest(dict(sorted(record.axes.items())), record.evidence, lock, record.harness, record.key)


def platform_digest(platform: Mapping[str, Any]) -> str:
    """Return the digest of a platform; how many processors a process may use is not part of it."""
    return digest({name: value for name, value in sorted(platform.items()) if name != "cpus"})


def digest(*parts: object) -> str:
    """Return the digest of values that JSON can say."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:32]


def _environment(record: Record, setup: str) -> Row:
    """Return the environment as a case, so that one that comes up now and then is found the same way."""
    broken = next((stage for stage in record.stages if stage.outcome != "passed"), None)
    outcome = "passed" if broken is None else broken.outcome
    seconds = {stage.stage: stage.seconds for stage in record.stages}
    return {
        "identity": digest(setup, ENVIRONMENT, outcome, seconds, record.started),
        # One that does not come up cannot say which platform it is on.
        "subject": digest(setup, ENVIRONMENT),
        "name": ENVIRONMENT,
        "probe": ENVIRONMENT,
        "probe_digest": "",
        "variant": "",
        "exporter": "",
        "opset": 0,
        "precision": "fp32",
        "runner": "onnxruntime-cpu",
        "size": "",
        "witness": False,
        "outcome": outcome,
        "stage": broken.stage if broken else None,
        "reason": broken.error.type if broken and broken.error else None,
        "margin": None,
        "max_abs": None,
        "latency_ms": None,
        "eager_ms": None,
    }


def _case(case: CaseRecord, record: Record, setup: str, platform: str) -> Row:
    probe = record.probes[case.probe].digest if case.probe in record.probes else ""
    subject = digest(setup, platform, probe, case.id)
    return {
        "identity": digest(subject, *_measurement(case, record)),
        "subject": subject,
        "name": case.id,
        "probe": case.probe,
        "probe_digest": probe,
        "variant": case.variant,
        "exporter": case.exporter,
        "opset": case.opset,
        "precision": case.precision,
        "runner": case.runner,
        "size": size_text(case.size),
        "witness": case.witness,
        "outcome": case.outcome,
        "stage": case.stage,
        "reason": case.reason,
        "margin": min((output.margin for output in case.outputs if output.margin is not None), default=None),
        "max_abs": max((output.max_abs for output in case.outputs if output.max_abs is not None), default=None),
        "latency_ms": _number(case.facts.get("runner_ms")),
        "eager_ms": _number(case.facts.get("eager_ms")),
    }


def _measurement(case: CaseRecord, record: Record) -> tuple[object, ...]:
    """Return what tells one measurement of a case from another: no two take the same time and memory.

    A record that was completed later holds what it held before once more; that is no second measurement.
    """
    taken = [case.facts.get(name) for name in ("runner_ms", "eager_ms", "peak_memory")]
    when = None if any(taken) or case.seconds else record.started
    return case.outcome, case.stage, case.reason, dict(sorted(case.seconds.items())), taken, when


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _plain(row: Row) -> Row:
    """Return a row every database takes: PostgreSQL has no text with a zero in it."""
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in row.items()}
