"""What a matrix and a probe say, as frozen values. Durations are seconds, memory is GiB."""

from __future__ import annotations

from typing import Literal

import msgspec


class _Table(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A TOML table: kebab-case keys, unknown keys refused."""


class Probes(_Table, frozen=True):
    """Which probes run. A name is a built-in probe, a glob over built-in names, or a path to a file."""

    judge: tuple[str, ...] = ()  # these decide a combination's verdict
    also: tuple[str, ...] = ()  # these run and are shown, and decide nothing


class Cases(_Table, frozen=True):
    """Which conversions each probe goes through."""

    exporters: tuple[str, ...] = ("torchscript", "dynamo")
    opsets: dict[str, tuple[int, ...]] = msgspec.field(
        default_factory=lambda: {"torchscript": (13, 17), "dynamo": (18,)}
    )
    runners: tuple[str, ...] = ("onnxruntime-cpu",)


class Tolerances(_Table, frozen=True):
    """Used where a probe sets none: passes when |out - eager| <= atol + rtol * |eager|."""

    rtol: float = 1e-3
    atol: float = 1e-5


class Limits(_Table, frozen=True):
    """Bounds after which a case or an installation is given up."""

    case_seconds: float = 600.0
    install_seconds: float = 1800.0
    memory_gib: float = 8.0  # resident memory of the harness's process tree
    threads: int = 1  # intra-op threads of torch and of the runner


class Index(_Table, frozen=True):
    """Where packages come from. `auto` takes torch's CPU builds where they can be reached."""

    torch: Literal["auto", "cpu", "pypi"] = "auto"


class Expect(_Table, frozen=True):
    """Combinations (ids) whose verdict must be good; anything else makes a scan exit with 1."""

    good: tuple[str, ...] = ()


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


class Probe(msgspec.Struct, frozen=True):
    """What a probe file's PEP 723 block and docstring say; the file is never imported by the host."""

    name: str
    path: str
    summary: str  # first line of the docstring
    digest: str  # sha256 of the file and of its weights file
    requires_python: str
    dependencies: tuple[str, ...]
    no_deps: bool
    license: str
    variants: tuple[str, ...]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]  # input or output -> axis number -> axis name
    export_size: dict[str, int]
    run_sizes: tuple[dict[str, int], ...]  # besides the export size
    exporters: tuple[str, ...] | None
    opsets: dict[str, tuple[int, ...]] | None
    rtol: float | None
    atol: float | None
    case_seconds: float | None
    weights: str | None  # calibrated statistics: a .npz beside the probe file
    nonfinite: bool  # the reference may hold NaN or infinity
