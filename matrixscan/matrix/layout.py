"""What a matrix file and a probe's metadata look like on disk: the keys, their types, which are required.

The reader, the probe reader and the JSON Schema all derive from these, so a key is spelled in one place.
"""

from __future__ import annotations

import msgspec

from matrixscan.matrix.types import Cases, Expect, Index, Limits, Probes, Tolerances

Opsets = dict[str, tuple[int, ...]] | tuple[int, ...]


class CasesTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Which conversions each probe goes through."""

    exporters: tuple[str, ...] = Cases().exporters
    opsets: Opsets = msgspec.field(default_factory=lambda: Cases().opsets)
    runners: tuple[str, ...] = Cases().runners


class MatrixFile(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Package versions, probes and rules for one matrixscan scan."""

    description: str = ""
    packages: tuple[str, ...] = ()
    combinations: tuple[dict[str, str], ...] = ()
    axes: dict[str, tuple[str, ...]] = {}
    include: tuple[dict[str, str], ...] = ()
    exclude: tuple[dict[str, str], ...] = ()
    probes: Probes = Probes()
    cases: CasesTable = CasesTable()
    tolerances: Tolerances = Tolerances()
    limits: Limits = Limits()
    index: Index = Index()
    expect: Expect = Expect()


class ProbeTable(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The `[tool.matrixscan]` table of a probe file."""

    outputs: tuple[str, ...]
    export_size: dict[str, int]
    variants: tuple[str, ...] = ("default",)
    run_sizes: tuple[dict[str, int], ...] = ()
    dynamic: dict[str, dict[str, str]] = {}
    exporters: tuple[str, ...] | None = None
    opsets: Opsets | None = None
    rtol: float | None = None
    atol: float | None = None
    case_seconds: float | None = None
    no_deps: bool = False
    weights: str | None = None
    files: tuple[str, ...] = ()
    nonfinite: bool = False
    license: str = ""


class ScriptBlock(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The keys PEP 723 defines for a `script` block."""

    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    tool: dict[str, object] = {}
