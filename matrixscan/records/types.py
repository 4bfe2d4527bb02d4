"""What one environment did: facts only. Times are seconds, latencies milliseconds, sizes bytes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

#: Version of the record file. An older one is upgraded by records/upgrade.py, a newer one refused.
SCHEMA_VERSION = 3


class Error(msgspec.Struct, frozen=True):
    """The tool's own words, redacted of paths, users, hosts and index addresses."""

    type: str
    message: str


class StageRecord(msgspec.Struct, frozen=True):
    """One stage of the environment. A stage that was not reached has no record."""

    stage: str
    outcome: str
    seconds: float
    error: Error | None = None
    log: str | None = None  # tail of what the tool printed, kept when it did not pass


class OutputMetrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output against the eager reference. None where a figure is undefined (shapes differ, NaN)."""

    name: str
    passed: bool
    reason: str | None
    shape: tuple[int, ...]
    dtype: str
    reference_shape: tuple[int, ...]
    reference_dtype: str
    max_abs: float | None = None
    mean_abs: float | None = None
    rmse: float | None = None
    max_rel: float | None = None
    cosine: float | None = None
    snr_db: float | None = None
    required_atol: float | None = None  # smallest atol that passes at the given rtol
    margin: float | None = None  # tolerance / error at the worst element; below 1 fails
    noise_floor: float | None = None  # max |fp32 eager - fp64 eager|
    reference_rms: float | None = None
    rtol: float | None = None
    atol: float | None = None
    floor: float | None = None  # error that passes at any rtol and atol, for the noise of the reference
    envelope: tuple[tuple[float, float], ...] = ()  # |reference| and error of the elements that decide at any tolerance
    agreement: float | None = None  # share of equal elements of an output that is not floating
    part: str | None = None  # the stage of a chain this is an output of, on what eager gave it; None: the whole
    sample: int = 0  # which of the inputs drawn at this size it was worst on


class CaseRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One case. `stage` is None when it passed, else the first stage that did not."""

    id: str
    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: dict[str, int]
    stage: str | None
    outcome: str
    reason: str | None = None
    error: Error | None = None
    outputs: tuple[OutputMetrics, ...] = ()
    seconds: dict[str, float] = {}  # stage -> seconds; shared stages count in the case that ran them
    facts: dict[str, Any] = {}  # latencies, artifact size, opset found, pruned inputs, digests, peak memory
    witness: bool = False  # the runner is a third opinion: shown, and decides nothing


class ExpectedFailure(msgspec.Struct, frozen=True):
    """A failure the probe announces; it is said where it happens, where it does not, and once it is out of date."""

    match: str
    reason: str
    until: dt.date
    when: dict[str, str | int] = {}


class ProbeRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What identifies a probe's data, so that cells are compared only on the same model and inputs."""

    digest: str
    summary: str
    license: str
    requirements: tuple[str, ...] = ()  # resolved, name==version
    weights: dict[str, str] = {}  # variant -> digest of every parameter and buffer
    inputs: dict[str, str] = {}  # size, after the variant where variants are different models -> digest of the inputs
    family: bool = False  # the variants are different models, each judged by itself
    expected: tuple[ExpectedFailure, ...] = ()
    eager: dict[str, dict[str, tuple[float, ...]]] = {}  # variant and size -> output -> sketch (harness/sketch.py)


class Lock(msgspec.Struct, frozen=True):
    """The hash-pinned requirements file the environment was installed from."""

    sha256: str
    file: str
    torch_index: str  # "cpu" or "pypi"
    packages: dict[str, str]


class Record(msgspec.Struct, frozen=True):
    """One environment, whole. Never edited; everything else is derived from it."""

    schema_version: int
    id: str
    matrix: str
    matrixscan: str
    key: str  # digest of everything that decides whether a rerun is needed
    axes: dict[str, str]
    resolved: dict[str, str]
    evidence: str
    judged: tuple[str, ...]  # probes that decide the verdict
    started: str  # UTC, ISO 8601
    finished: str
    harness: str
    platform: dict[str, Any]
    limits: dict[str, Any]
    lock: Lock | None
    probes: dict[str, ProbeRecord]
    stages: tuple[StageRecord, ...]
    cases: tuple[CaseRecord, ...]
    timings: dict[str, float]  # wall, environment (install etc.), harness
