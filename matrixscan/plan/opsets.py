"""Which opsets and IR versions releases of onnx and ONNX Runtime know, as far as that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from matrixscan.plan.wheels import Infeasible


class _Known(NamedTuple):
    opset: int
    ir: int


# Measured on Linux x86_64 with the CPU wheels: a model of one Relu, made without onnx, loaded and run at every opset
# from 7 to 31 and every IR version from 3 to 17. Each release reads all from the lowest up to the figures below and
# refuses the next one ("Unsupported model IR version", "Opset N is under development"). Loaded: 1.10.0, 1.11.1,
# 1.12.1, 1.13.1, 1.14.0, 1.14.1 and first and last patch of every minor from 1.15 to 1.31; no two patches differed.
_ONNXRUNTIME = {
    (1, 10): _Known(15, 8),
    (1, 11): _Known(16, 8),
    (1, 12): _Known(17, 8),
    (1, 13): _Known(17, 8),
    (1, 14): _Known(18, 8),
    (1, 15): _Known(19, 9),
    (1, 16): _Known(19, 9),
    (1, 17): _Known(20, 9),
    (1, 18): _Known(21, 10),
    (1, 19): _Known(21, 10),
    (1, 20): _Known(21, 10),
    (1, 21): _Known(22, 10),
    (1, 22): _Known(22, 10),
    (1, 23): _Known(23, 11),
    (1, 24): _Known(25, 13),
    **{(1, minor): _Known(26, 13) for minor in range(25, 32)},
}

# onnx.defs.onnx_opset_version() and onnx.IR_VERSION of each release from 1.11.0 to 1.23.2; 1.10 from onnx's own table
# (onnx/helper.py, VERSION_TABLE). onnx.checker refuses an IR version above its own, and passes the next opset.
_ONNX = {
    (1, 10): _Known(15, 8),
    (1, 11): _Known(16, 8),
    (1, 12): _Known(17, 8),
    (1, 13): _Known(18, 8),
    (1, 14): _Known(19, 9),
    (1, 15): _Known(20, 9),
    (1, 16): _Known(21, 10),
    (1, 17): _Known(22, 10),
    (1, 18): _Known(23, 11),
    (1, 19): _Known(24, 12),
    (1, 20): _Known(25, 13),
    (1, 21): _Known(26, 13),
    (1, 22): _Known(27, 13),
    (1, 23): _Known(28, 14),
}

#: The builds of one release share the code that reads a model. Intel's onnxruntime-openvino is a fork: not in here.
_TABLES = {"onnx": _ONNX, "onnxruntime": _ONNXRUNTIME, "onnxruntime-gpu": _ONNXRUNTIME}
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


def opset_limit(package: str, version: str) -> int | None:
    """Return the newest opset of ai.onnx that a release knows, or None where nobody looked."""
    known = _known(package, version)
    return known.opset if known else None


def ir_limit(package: str, version: str) -> int | None:
    """Return the newest IR version that a release reads, or None where nobody looked."""
    known = _known(package, version)
    return known.ir if known else None


def check_lane(row: Mapping[str, str], runner: str, opset: int, ir: int | None = None) -> Infeasible | None:
    """Say why a runner cannot read what a lane gives it; None where it can or nobody knows.

    Only ONNX Runtime is held to its limits. onnx passes opsets above its own, and a case whose exporter wrote another
    opset than it was asked for is infeasible anyway, so the opset that a lane asks for is the one that counts.

    Args:
        row: axis -> version.
        runner: its name; those of ONNX Runtime start with "onnxruntime".
        opset: what the lane asks for.
        ir: of the artifact, where it is there already.
    """
    package = next((name for name in _RUNTIMES if name in row), None)
    if package is None or not runner.startswith("onnxruntime"):
        return None
    opsets, irs = opset_limit(package, row[package]), ir_limit(package, row[package])
    if opsets is not None and opset > opsets:
        return Infeasible("opset", f"{package} {row[package]} reads opsets up to {opsets}, this lane has {opset}")
    if irs is not None and ir is not None and ir > irs:
        return Infeasible("ir-version", f"{package} {row[package]} reads IR versions up to {irs}, this model has {ir}")
    return None


def _known(package: str, version: str) -> _Known | None:
    try:
        release = Version(version)
    except InvalidVersion:
        return None
    # A pre-release may lag behind its release.
    if release.is_prerelease:
        return None
    return _TABLES.get(package, {}).get((release.major, release.minor))
