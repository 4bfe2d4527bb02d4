"""Small charts as SVG text: an error along the calls of a model, and how many elements are how wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

import numpy as np

_WIDTH, _HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 36, 44
_FLOOR = 1e-9  # smaller errors, and none, are drawn here
_BINS = 24
_RED, _BLUE, _GREY = "#c00000", "#1f5fa8", "#d8d8d8"


def error_curve(points: Sequence[tuple[int, str, float]], first: int | None, title: str) -> str:
    """Return the error of every call on a logarithmic scale; the first divergence is marked.

    Args:
        points: (position of the call, what it is, error), in order.
        first: position of the call that diverges first.
        title: stands above.
    """
    calls = [call for call, _, _ in points]
    across = _Scale(min(calls, default=0), max(calls, default=1), _LEFT, _WIDTH - _RIGHT)
    values = [math.log10(max(error, _FLOOR)) for _, _, error in points]
    up = _Scale(math.floor(min(values, default=-9)), math.ceil(max(values, default=0)), _HEIGHT - _BOTTOM, _TOP)
    body = list(_decades(up))
    if first is not None:
        body.append(_line(across(first), _TOP, across(first), _HEIGHT - _BOTTOM, _RED))
    places = [(across(call), up(value)) for call, value in zip(calls, values, strict=True)]
    body.append(f'<polyline fill="none" stroke="{_BLUE}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
    for (x, y), (call, label, error) in zip(places, points, strict=True):
        colour = _RED if call == first else _BLUE
        words = escape(f"{call} {label}: {error:.3g}")
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"><title>{words}</title></circle>')
    body.append(_text(_WIDTH / 2, _HEIGHT - 8, "calls of torch functions, in order", "middle"))
    return _sheet(title, body)


def error_histogram(expected: np.ndarray, actual: np.ndarray, title: str) -> str:
    """Return how many elements differ by how much, on a logarithmic scale of differences; equal ones stand left."""
    difference = np.abs(actual.astype(np.float64) - expected.astype(np.float64)).reshape(-1)
    difference = difference[np.isfinite(difference)]
    wrong = np.log10(difference[difference > 0])
    low, high = (math.floor(wrong.min()), math.ceil(wrong.max())) if wrong.size else (-9, 0)
    counts, edges = np.histogram(wrong, bins=_BINS, range=(low, max(high, low + 1)))
    bars = [int(difference.size - wrong.size), *map(int, counts)]
    across = _Scale(0, len(bars), _LEFT, _WIDTH - _RIGHT)
    up = _Scale(0, max(1, *bars), _HEIGHT - _BOTTOM, _TOP)
    body = []
    for at, count in enumerate(bars):
        label = "equal" if at == 0 else f"{10 ** edges[at - 1]:.2g} to {10 ** edges[at]:.2g}"
        x, y = across(at) + 1, up(count)
        box = f'x="{x:.1f}" y="{y:.1f}" width="{across(1) - across(0) - 2:.1f}" height="{_HEIGHT - _BOTTOM - y:.1f}"'
        fill = _GREY if at == 0 else _BLUE
        body.append(f'<rect {box} fill="{fill}"><title>{label}: {count} elements</title></rect>')
    marks = [(0.5, "equal"), (1, f"1e{low}"), (len(bars), f"1e{max(high, low + 1)}")]
    body += [_text(across(at), _HEIGHT - _BOTTOM + 16, words, "middle") for at, words in marks]
    body += [_text(_LEFT - 6, up(max(bars)) + 4, str(max(bars)), "end")]
    body.append(_text(_WIDTH / 2, _HEIGHT - 8, "absolute difference", "middle"))
    return _sheet(title, body)


class _Scale:
    """Turns a figure into a place on the sheet."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)


def _decades(up: _Scale) -> Iterator[str]:
    for power in range(int(up.low), int(up.high) + 1):
        yield _line(_LEFT, up(power), _WIDTH - _RIGHT, up(power), _GREY)
        yield _text(_LEFT - 6, up(power) + 4, f"1e{power}", "end")


def _line(left: float, top: float, right: float, bottom: float, colour: str) -> str:
    return f'<line x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _sheet(title: str, body: Sequence[str]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 20, title, "start"),
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
