"""How margin and latency of a case went over time, in one pair of releases on one platform. Pure.

What moved is told from noise with the median and the median absolute deviation of the earlier values, on a logarithmic
scale: both figures are ratios. For values that scatter normally 1.4826 times that deviation estimates the standard
deviation (Rousseeuw and Croux, 1993); three of them count as a change.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from matrixscan.analysis.grid import version_order

#: Earlier values without which nothing can be said of their scatter.
FEWEST = 3

_DEVIATIONS = 3.0 * 1.4826
#: A change below this factor is no news, however little the values scatter: latencies of one machine do that by load.
_LEAST = {"margin": 1.25, "latency_ms": 1.5}


class SeriesKey(NamedTuple):
    """What is the same for all values of a series."""

    torch: str
    onnxruntime: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: str
    platform: str


class Trend(msgspec.Struct, frozen=True):
    """One figure over time. `factor` is the last value over the median of the earlier ones."""

    count: int
    median: float
    last: float
    factor: float | None = None  # None: there is no earlier one
    bound: float | None = None  # factors between 1/bound and bound are noise; None: too few values to say
    since: str = ""  # when the last value was measured

    @property
    def moved(self) -> bool:
        """Whether the last value is no noise."""
        if self.factor is None or self.bound is None:
            return False
        return max(self.factor, 1 / self.factor) > self.bound


class Series(msgspec.Struct, frozen=True):
    """Margin and latency (ms) of one case, in one pair of releases on one platform."""

    key: SeriesKey
    margin: Trend | None
    latency_ms: Trend | None


class Measured(NamedTuple):
    """One measurement, with when it was finished (ISO 8601, UTC)."""

    key: SeriesKey
    finished: str
    margin: float | None
    latency_ms: float | None


def series_of(points: Iterable[Measured]) -> tuple[Series, ...]:
    """Return every series, newest pair of releases first."""
    groups: dict[SeriesKey, list[Measured]] = {}
    for point in points:
        groups.setdefault(point.key, []).append(point)
    made = [Series(key, _trend(found, "margin"), _trend(found, "latency_ms")) for key, found in groups.items()]
    made.sort(key=lambda series: series.key[2:])
    made.sort(key=lambda series: (version_order(series.key.torch), version_order(series.key.onnxruntime)), reverse=True)
    return tuple(made)


def _trend(points: Sequence[Measured], name: str) -> Trend | None:
    pairs = [(point.finished, value) for point in points if (value := getattr(point, name)) is not None and value > 0]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair[0])
    return trend([value for _, value in pairs], _LEAST[name], pairs[-1][0])


def trend(values: Sequence[float], least: float, since: str = "") -> Trend:
    """Return what became of a figure.

    Args:
        values: All above zero, oldest first.
        least: The smallest factor that counts as a change.
        since: When the last one was measured.
    """
    *earlier, last = values
    if not earlier:
        return Trend(1, last, last, since=since)
    middle = statistics.median(earlier)
    bound = None
    if len(earlier) >= FEWEST:
        logs = [math.log(value) for value in earlier]
        center = statistics.median(logs)
        scatter = statistics.median(abs(value - center) for value in logs)
        bound = max(least, math.exp(min(_DEVIATIONS * scatter, 700.0)))
    return Trend(len(values), statistics.median(values), last, last / middle, bound, since)
