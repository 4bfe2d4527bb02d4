"""What is to be done: cells and cases, as frozen values."""

from __future__ import annotations

import msgspec

from matrixscan.matrix.types import Matrix, Probe


class Cell(msgspec.Struct, frozen=True):
    """One combination: one environment to build."""

    id: str
    axes: dict[str, str]  # python first, as written in the matrix
    python: str
    requirements: tuple[str, ...]  # name==version of every package axis, and its companions
    as_of: str | None = None  # YYYY-MM-DD: other packages are taken as they were then; None: as they are today


class Case(msgspec.Struct, frozen=True):
    """Probe x exporter x opset x precision x runner x size; never needs a new environment."""

    id: str
    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: dict[str, int]
    witness: bool = False  # the runner is shown and decides nothing


class StoredCase(Case, frozen=True):
    """What a run side does: an artifact from the store, and what its outputs are compared with."""

    artifact: str = ""
    reference: str = ""


class Excluded(msgspec.Struct, frozen=True):
    """A combination that cannot be, and the rule that says so."""

    id: str
    axes: dict[str, str]
    rule: str
    words: str


class Plan(msgspec.Struct, frozen=True):
    """A matrix, expanded. Every cell runs the same cases."""

    matrix: Matrix
    cells: tuple[Cell, ...]
    probes: tuple[Probe, ...]
    judged: tuple[str, ...]  # names of the probes that decide a verdict
    cases: tuple[Case, ...]
    infeasible: tuple[Excluded, ...] = ()
    rows: tuple[dict[str, str], ...] = ()  # all that are feasible; `cells` are those that the strategy chose
    coverage: str = ""  # of the feasible rows by the chosen ones, in words; empty where all are chosen
    controls: tuple[Case, ...] = ()  # run in every cell besides `cases`; they decide nothing about a model
    control: Probe | None = None  # what they run

    @property
    def measured(self) -> tuple[Case, ...]:
        """Everything that an environment runs."""
        return (*self.controls, *self.cases)

    @property
    def measured_probes(self) -> tuple[Probe, ...]:
        """Everything that an environment has to have the probe of."""
        return (*(() if self.control is None else (self.control,)), *self.probes)


class Plans(msgspec.Struct, frozen=True):
    """Everything the matrix says, and the part of it that was asked for."""

    full: Plan
    selected: Plan
