"""Ids: the same text in session names, file names, tables and errors."""

from __future__ import annotations

from collections.abc import Mapping

from matrixscan.matrix.ids import MAX_LENGTH, combination_id

__all__ = ["MAX_LENGTH", "case_id", "combination_id"]


def case_id(
    *,
    probe: str,
    variant: str,
    exporter: str,
    opset: int,
    precision: str,
    runner: str,
    size: Mapping[str, int],
) -> str:
    """Return the id of a case: `campplus/published/torchscript/opset13/fp32/onnxruntime-cpu/t345`."""
    sizes = ",".join(f"{name}{length}" for name, length in size.items())
    return "/".join([probe, variant, exporter, f"opset{opset}", precision, runner, sizes])
