"""The cases of the controls: every lane of a plan, twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matrixscan.matrix.types import Probe
from matrixscan.plan.ids import case_id
from matrixscan.plan.types import Case


def control_cases(cases: Iterable[Case], control: Probe) -> Iterator[Case]:
    """Yield the cases that show whether each lane of a plan can tell right from wrong.

    Args:
        cases: Those of the probes that were asked for.
        control: The probe of the controls.
    """
    lanes = dict.fromkeys((case.exporter, case.opset, case.precision, case.runner, case.witness) for case in cases)
    for variant in control.variants:
        for exporter, opset, precision, runner, witness in lanes:
            for size in (control.export_size, *control.run_sizes):
                name = case_id(
                    probe=control.name,
                    variant=variant,
                    exporter=exporter,
                    opset=opset,
                    precision=precision,
                    runner=runner,
                    size=size,
                )
                yield Case(name, control.name, variant, exporter, opset, precision, runner, size, witness)
