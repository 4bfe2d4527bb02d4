"""Draws what a picture should be, what it became and where they differ."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from matrixscan.execution.state import CellRun
from matrixscan.records.types import CaseRecord
from matrixscan.store.files import write_atomically

_GAP = 8
_HEAD = 16
#: Black, red, yellow, white: brightness alone orders the colours, so that they survive a printer.
_HEAT = np.array([[0, 0, 0], [200, 0, 0], [255, 200, 0], [255, 255, 255]], dtype=np.float64)
_RGB = 3


def draw_pictures(run: CellRun, cases: tuple[CaseRecord, ...]) -> None:
    """Write one PNG for the first mismatching picture of every way through exporter and runner.

    Those drawn keep the name of their file in `facts`; the others, of the same lane at other sizes, lose it.
    """
    shutil.rmtree(run.reports.picture_path(run.task.cell.id, "").parent, ignore_errors=True)
    drawn = set()
    for case in cases:
        fact = case.facts.pop("picture", None)
        lane = (case.probe, case.variant, case.exporter, case.precision, case.runner)
        if fact is None or lane in drawn:
            continue
        drawn.add(lane)
        source = run.folder / "pictures" / fact["file"]
        data = _drawn(source, case, fact["output"])
        if data is not None:
            path = run.reports.picture_path(run.task.cell.id, case.id)
            write_atomically(path, data)
            case.facts["picture"] = path.relative_to(run.reports.folder).as_posix()


def _drawn(source: Path, case: CaseRecord, name: str) -> bytes | None:
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            expected, actual = arrays["expected"], arrays["actual"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None  # the process died while it wrote; the figures stand without the picture
    output = next((output for output in case.outputs if output.name == name and output.part is None), None)
    largest = output.max_abs if output and output.max_abs is not None else 0.0
    return heat_map_png(expected, actual, f"max_abs {largest:.3g} of range {np.ptp(expected):.3g}")


def heat_map_png(expected: np.ndarray, actual: np.ndarray, words: str) -> bytes:
    """Return a PNG of three panels: expected, actual, and the absolute difference from black to white.

    Args:
        expected: C x H x W; one channel is grey, of others the first three are shown.
        actual: of the same shape.
        words: stands under the panels.
    """
    low, high = float(np.nanmin(expected)), float(np.nanmax(expected))
    difference = np.nan_to_num(np.abs(actual.astype(np.float64) - expected)).max(axis=0)
    panels = [_picture(expected, low, high), _picture(actual, low, high), _heat(difference)]
    height, width = difference.shape
    sheet = Image.new("RGB", (3 * width + 2 * _GAP, height + _HEAD), "white")
    for at, panel in enumerate(panels):
        sheet.paste(Image.fromarray(panel), (at * (width + _GAP), 0))
    ImageDraw.Draw(sheet).text((2, height + 2), words, fill="black")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _picture(array: np.ndarray, low: float, high: float) -> np.ndarray:
    shown = array[:_RGB] if array.shape[0] >= _RGB else np.repeat(array[:1], _RGB, axis=0)
    scaled = np.nan_to_num((shown.astype(np.float64) - low) / max(high - low, np.finfo(float).tiny))
    return np.ascontiguousarray((scaled.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def _heat(difference: np.ndarray) -> np.ndarray:
    top = float(difference.max()) or 1.0
    at = difference / top * (len(_HEAT) - 1)
    channels = [np.interp(at, np.arange(len(_HEAT)), _HEAT[:, channel]) for channel in range(_RGB)]
    return np.stack(channels, axis=-1).astype(np.uint8)
