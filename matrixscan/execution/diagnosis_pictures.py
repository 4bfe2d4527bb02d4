"""Draws a diagnosis: the error along the calls, and both sides of the first divergence."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from matrixscan.execution.charts import error_curve, error_histogram
from matrixscan.execution.pictures import heat_map_png
from matrixscan.records.diagnosis import Diagnosis
from matrixscan.store.diagnoses import Diagnoses
from matrixscan.store.files import write_atomically

_MOST_ROWS, _MOST_COLUMNS = 256, 512
_SMALLEST = 192


def draw_diagnoses(diagnoses: Sequence[Diagnosis], run: Path, published: Diagnoses, cell: str) -> tuple[Diagnosis, ...]:
    """Write the pictures of the first diagnosis of every exporter's lanes of a model; return all with their names.

    Args:
        diagnoses: what is drawn, of the most telling cases first.
        run: the folder in which the harness left arrays.
        published: where pictures go.
        cell: the combination.
    """
    drawn, found = set(), []
    for diagnosis in diagnoses:
        model = tuple(diagnosis.case.split("/")[:3])
        if diagnosis.first is not None and model not in drawn:
            drawn.add(model)
            found.append(_drawn(diagnosis, run, published, cell))
        else:
            found.append(diagnosis)
    return tuple(found)


def _drawn(diagnosis: Diagnosis, run: Path, published: Diagnoses, cell: str) -> Diagnosis:
    names = {}
    for kind, suffix, data in _pictures(diagnosis, run):
        path = published.picture_path(cell, diagnosis.case, f"{kind}.{suffix}")
        write_atomically(path, data)
        names[kind] = path.relative_to(published.reports).as_posix()
    return msgspec.structs.replace(diagnosis, pictures=names)


def _pictures(diagnosis: Diagnosis, run: Path) -> list[tuple[str, str, bytes]]:
    found = []
    first = diagnosis.first
    words = diagnosis.case if first is None else f"{diagnosis.case}: {first.module or 'the model'} {first.operation}"
    if len(diagnosis.curve) > 1:
        points = [(point.call, point.label, point.error) for point in diagnosis.curve]
        curve = error_curve(points, None if first is None else first.call, words)
        found.append(("curve", "svg", curve.encode()))
    arrays = _arrays(run / "diagnosis" / (diagnosis.case.replace("/", "~") + ".npz"))
    if arrays is not None:
        expected, actual = arrays
        found.append(("histogram", "svg", error_histogram(expected, actual, words).encode()))
        found.append(("values", "png", _heat_map(expected, actual)))
    return found


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["expected"], arrays["actual"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None  # there are none, or the process died while it wrote


def _heat_map(expected: np.ndarray, actual: np.ndarray) -> bytes:
    """Return torch's values, the graph's and their difference side by side, the last axis from left to right."""
    left, right = _as_plane(expected), _as_plane(actual)
    with np.errstate(all="ignore"):
        difference = np.nan_to_num(np.abs(left - right))
    words = f"torch | graph | difference up to {difference.max():.3g}, range {np.ptp(np.nan_to_num(left)):.3g}"
    scale = max(1, _SMALLEST // max(left.shape))
    large = [np.kron(plane, np.ones((scale, scale)))[None] for plane in (left, right)]
    return heat_map_png(large[0], large[1], words)


def _as_plane(array: np.ndarray) -> np.ndarray:
    """Return an array of any shape as rows of its last axis, as many as can be shown."""
    flat = array.astype(np.float64).reshape(-1, array.shape[-1] if array.ndim else 1)
    return np.nan_to_num(flat[:_MOST_ROWS, :_MOST_COLUMNS], posinf=0.0, neginf=0.0)
