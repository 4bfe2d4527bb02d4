"""What a matrix file and a probe's metadata look like on disk: the keys, their types, which are required.

The reader, the probe reader and the JSON Schema all derive from these, so a key is spelled in one place.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from matrixscan.matrix.types import (
    Advises,
    Artifact,
    Bounds,
    Cases,
    Comparison,
    Expect,
    Expected,
    Index,
    Limits,
    Nightly,
    Probes,
    Recommend,
    Reduction,
    Stage,
    Tolerances,
)

Opsets = dict[str, tuple[int, ...]] | tuple[int, ...]
Axes = dict[str, tuple[str, ...]]
PlanKind = Literal["joint", "factored"]


class CasesTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Which conversions each probe goes through."""

    exporters: tuple[str, ...] = Cases().exporters
    opsets: Opsets = msgspec.field(default_factory=lambda: Cases().opsets)
    runners: tuple[str, ...] = Cases().runners
    precisions: tuple[str, ...] = Cases().precisions


class ReleasesTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Which releases selectors may choose from."""

    exclude_newer: dt.date | None = None
    min_age: str = "0d"
    transitive: Literal["today", "era"] = "today"
    era_grace: str = "30d"


class RecommendTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Which combinations are certified, and how long that holds."""

    count: int = Recommend().count
    order: Literal["newest", "safest"] = "newest"
    min_age: str = "7d"
    expires: str = "90d"


class NightlyTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """What `nightly` may take."""

    budget: str = "5h"
    confirm: int = Nightly().confirm


class CompanionTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Versions that follow others."""

    when: dict[str, str]
    requires: dict[str, str]


class MatrixFile(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Package versions, probes and rules for one matrixscan scan."""

    description: str = ""
    packages: tuple[str, ...] = ()
    plan: PlanKind = "joint"
    strategy: str = "full"
    releases: ReleasesTable = ReleasesTable()
    companions: tuple[CompanionTable, ...] = ()
    combinations: tuple[dict[str, str], ...] = ()
    axes: Axes | tuple[Axes, ...] = {}
    include: tuple[dict[str, str], ...] = ()
    exclude: tuple[dict[str, str], ...] = ()
    reduction: Reduction = Reduction()
    probes: Probes = Probes()
    artifact: Artifact | None = None
    cases: CasesTable = CasesTable()
    tolerances: Tolerances = Tolerances()
    limits: Limits = Limits()
    index: Index = Index()
    expect: Expect = Expect()
    recommend: RecommendTable = RecommendTable()
    controls: bool = True
    advises: Advises = True
    nightly: NightlyTable = NightlyTable()


class ProbeTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The `[tool.matrixscan]` table of a probe file."""

    export_size: dict[str, int]
    outputs: tuple[str, ...] = ()
    variants: tuple[str, ...] = ("default",)
    family: bool = False
    open_variants: bool = False
    run_sizes: tuple[dict[str, int], ...] = ()
    samples: int = 1
    dynamic: dict[str, dict[str, str]] = {}
    stages: dict[str, Stage] = {}
    exporters: tuple[str, ...] | None = None
    opsets: Opsets | None = None
    runners: tuple[str, ...] | None = None
    precisions: tuple[str, ...] | None = None
    rtol: float | None = None
    atol: float | None = None
    fp16: Bounds | None = None
    compare: dict[str, Comparison] = {}
    expected: tuple[Expected, ...] = ()
    case_seconds: float | None = None
    no_deps: bool = False
    weights: str | None = None
    checkpoint: str | None = None
    files: tuple[str, ...] = ()
    nonfinite: bool = False
    license: str = ""


class RowTable(ProbeTable, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """One row of a table of operator probes: a probe's keys, and expressions where a file would have functions."""

    summary: str
    inputs: dict[str, str]
    expression: str | None = None
    code: str | None = None
    variants: dict[str, str] = {}  # type: ignore[assignment]  # a row's variants are expressions by name
    modules: dict[str, str] = {}
    buffers: dict[str, str] = {}
    post: dict[str, str] = {}
    script: bool = False
    dependencies: tuple[str, ...] = ()
    requires_python: str = ""


class ScriptBlock(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The keys PEP 723 defines for a `script` block."""

    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    tool: dict[str, object] = {}
