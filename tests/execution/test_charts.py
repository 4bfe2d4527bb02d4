from xml.etree import ElementTree as ET

import numpy as np
import pytest

from matrixscan.execution.charts import error_curve, error_histogram

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [(3, "head.conv1d", 1e-6), (9, "pool <avg> & more", 0.27), (40, "dense", 0.0)]


def test_every_call_is_a_point_with_its_words_and_the_first_divergence_is_marked():
    root = ET.fromstring(error_curve(POINTS, 9, "campplus & <co>"))  # noqa: S314  our own text
    points = root.findall(f"{SVG}circle")
    assert [point.find(f"{SVG}title").text for point in points] == [
        "3 head.conv1d: 1e-06",
        "9 pool <avg> & more: 0.27",
        "40 dense: 0",
    ]
    assert [point.get("fill") for point in points].count("#c00000") == 1
    heights = [float(point.get("cy")) for point in points]
    assert heights[1] < heights[0] < heights[2]


@pytest.mark.parametrize("points", [[], POINTS[:1], [(1, "a", 1e30), (2, "b", 1e30)]])
def test_few_points_are_drawn_too(points):
    ET.fromstring(error_curve(points, None, "few"))  # noqa: S314  our own text


def test_a_histogram_counts_every_element():
    expected = np.zeros(100, np.float32)
    actual = expected.copy()
    actual[:7], actual[7] = 0.5, np.nan
    root = ET.fromstring(error_histogram(expected, actual, "differences"))  # noqa: S314  our own text
    words = [bar.find(f"{SVG}title").text for bar in root.findall(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert words[0] == "equal: 92 elements"
    assert sum(int(text.split(": ")[1].split()[0]) for text in words) == 99


@pytest.mark.parametrize("actual", [np.zeros(3), np.full(3, np.nan), np.zeros(0), np.array(1.0)])
def test_odd_arrays_are_drawn_too(actual):
    ET.fromstring(error_histogram(np.zeros_like(actual), actual, "odd"))  # noqa: S314  our own text
