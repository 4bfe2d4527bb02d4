"""What a matrix and a probe say, as frozen values. Durations are seconds, memory is GiB."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec

from matrixscan.catalog.types import CatalogLock

#: What a scan says about pins: true, nothing unless it is named (false), or of probes that are named ("probes").
Advises = bool | Literal["probes"]


class _Table(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A TOML table: kebab-case keys, unknown keys refused."""


class Probes(_Table, frozen=True):
    """Which probes run. A name is a built-in probe, a glob over built-in names, or a path to a file."""

    judge: tuple[str, ...] = ()  # these decide a combination's verdict
    also: tuple[str, ...] = ()  # these run and are shown, and decide nothing
    variants: dict[str, tuple[str, ...]] = {}  # probe -> the variants to run instead of all of its own
    opsets: dict[str, dict[str, tuple[int, ...]]] = {}  # probe -> exporter -> opsets instead of the probe's own


class Cases(_Table, frozen=True):
    """Which conversions each probe goes through."""

    exporters: tuple[str, ...] = ("torchscript", "dynamo")
    opsets: dict[str, tuple[int, ...]] = {}  # exporter -> opsets, where they are not the exporter's own
    runners: tuple[str, ...] = ("onnxruntime-cpu",)
    precisions: tuple[str, ...] = ("fp32",)


class Bounds(_Table, frozen=True):
    """Passes when |out - eager| <= atol + rtol * |eager|."""

    rtol: float
    atol: float


class Tolerances(_Table, frozen=True):
    """Used where a probe sets none. `fp16` is for the lanes in half precision."""

    rtol: float = 1e-3
    atol: float = 1e-5
    # Half has eleven bits of precision: one rounding is 5e-4 of the value, and a network makes many.
    fp16: Bounds = Bounds(1e-2, 1e-3)


class Comparison(_Table, frozen=True):
    """How one output of a probe is compared, where that differs from the others."""

    rtol: float | None = None
    atol: float | None = None
    fp16: Bounds | None = None
    agree: float | None = None  # share of equal elements asked of an output that is not floating
    picture: bool = False  # N x C x H x W; drawn where it mismatches


class Stage(_Table, frozen=True):
    """One module of a chain."""

    outputs: tuple[str, ...] = ()
    dynamic: dict[str, dict[str, str]] = {}


class Expected(_Table, frozen=True):
    """A failure that is known: it is shown as such until it goes away or the date has passed."""

    match: str  # regular expression on the reason or on "ErrorType: message"
    reason: str
    until: dt.date
    when: dict[str, str | int] = {}  # axis, exporter, opset, precision, runner, variant, stage or size -> condition


class Limits(_Table, frozen=True):
    """Bounds after which a case or an installation is given up."""

    case_seconds: float = 600.0
    install_seconds: float = 1800.0
    memory_gib: float = 8.0  # resident memory of the harness's process tree
    threads: int = 1  # intra-op threads of torch and of the runner
    diagnose_seconds: float = 600.0  # for diagnoses of one combination; 0: none

    def of_cases(self) -> dict[str, float]:
        """Return those that can change what a case does; how long is diagnosed afterwards cannot."""
        return {name: value for name, value in msgspec.to_builtins(self).items() if name != "diagnose-seconds"}


class Index(_Table, frozen=True):
    """Where packages come from. `auto` takes torch's CPU builds where they can be reached."""

    torch: Literal["auto", "cpu", "pypi"] = "auto"


class Expect(_Table, frozen=True):
    """Combinations (ids) whose verdict must be good; anything else makes a scan exit with 1."""

    good: tuple[str, ...] = ()


class Nightly(_Table, frozen=True):
    """What `nightly` may take."""

    budget: float = 5 * 3600.0  # seconds
    confirm: int = 1  # further runs that have to say the same before something is called a regression


class Releases(_Table, frozen=True):
    """Which releases selectors may choose from, and as of when the packages that are no axis are resolved."""

    exclude_newer: dt.date | None = None  # releases of later days do not exist
    min_age: float = 0.0  # days a release must have been out when the lock is made
    transitive: Literal["today", "era"] = "today"  # era: as of the youngest axis release plus the grace
    era_grace: float = 30.0  # days


class Companion(msgspec.Struct, frozen=True):
    """Versions that follow others: where `when` holds for a row, `requires` is installed with it."""

    when: dict[str, str]  # axis -> PEP 440 specifiers
    requires: dict[str, str]  # package -> PEP 440 specifiers


class Reduction(_Table, frozen=True):
    """Which rows of a large matrix to scan."""

    seeds: tuple[dict[str, str], ...] = ()  # rows that must be in, whole or in part (at least one row that matches)
    baseline: dict[str, str] = {}  # one-at-a-time: the row that others differ from in one axis
    budget: int | None = None  # boundary: the most rows


class Recommend(_Table, frozen=True):
    """Which combinations are certified, and how long that holds."""

    count: int = 1  # combinations for each audience
    order: Literal["newest", "safest"] = "newest"
    min_age: float = 7.0  # days every release has to be out, as far as its date is known
    expires: float = 90.0  # days after its certification from which a recommendation is stale


class Artifact(_Table, frozen=True):
    """A model that is there as a file, with what it is given; its saved outputs, or else the first row's, are right."""

    model: str  # paths count from the folder of the matrix
    inputs: tuple[str, ...]  # an .npz for each sample: name -> array
    outputs: tuple[str, ...] = ()  # an .npz for each sample
    files: tuple[str, ...] = ()  # beside the model and part of it, where their names are not the usual ones
    rtol: float | None = None
    atol: float | None = None
    compare: dict[str, Comparison] = {}


class Matrix(msgspec.Struct, frozen=True):
    """A checked matrix file. `rows` are the expanded combinations, each an ordered axis -> version."""

    name: str
    path: str
    description: str
    rows: tuple[dict[str, str], ...]
    probes: Probes
    cases: Cases
    tolerances: Tolerances
    limits: Limits
    index: Index
    expect: Expect
    releases: Releases = Releases()
    companions: tuple[Companion, ...] = ()
    plan: str = "joint"  # or "factored": export and run in environments of their own
    strategy: str = "full"  # or pairwise, t-wise:N, one-at-a-time, boundary
    reduction: Reduction = Reduction()
    artifact: Artifact | None = None  # a model without a source, in the place of probes
    catalog: CatalogLock | None = None  # what the selectors meant; None where the matrix has none
    recommend: Recommend = Recommend()
    controls: bool = True  # besides its probes, every environment runs one known to be good and one known to be bad
    advises: Advises = True  # whether what it finds says something about pins
    nightly: Nightly = Nightly()


class Probe(msgspec.Struct, frozen=True):
    """What a probe file's PEP 723 block and docstring say, or a row of a table; no probe is imported by the host."""

    name: str
    path: str
    summary: str  # first line of the docstring
    digest: str  # sha256 of the file, or of the row, and of the files beside it that belong to it
    requires_python: str
    dependencies: tuple[str, ...]
    no_deps: bool
    license: str
    variants: tuple[str, ...]
    family: bool  # the variants are different models, each judged by itself
    open_variants: bool  # a matrix may name any variant
    outputs: tuple[str, ...]  # empty: named after the structure of what the model returns
    dynamic: dict[str, dict[int, str]]  # input or output -> axis number -> axis name
    stages: dict[str, Stage]  # of a chain, in order
    export_size: dict[str, int]
    run_sizes: tuple[dict[str, int], ...]  # besides the export size
    samples: int  # inputs drawn at each size
    exporters: tuple[str, ...] | None
    opsets: dict[str, tuple[int, ...]] | None
    runners: tuple[str, ...] | None
    precisions: tuple[str, ...] | None
    rtol: float | None
    atol: float | None
    fp16: Bounds | None
    compare: dict[str, Comparison]
    expected: tuple[Expected, ...]
    case_seconds: float | None
    weights: str | None  # calibrated statistics: a .npz beside the probe file
    files: tuple[str, ...]  # others beside the probe that belong to it; modules among them can be imported by name
    checkpoint: str | None  # the user's own weights: .safetensors or .npz
    nonfinite: bool  # the reference may hold NaN or infinity
    row: dict[str, Any] | None  # a row of a table instead of a file of its own
