import itertools

import pytest
from fake_source import NOW, FakeSource, release
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.catalog.expand import Meaning, count, order_of, rows_of, uses_selectors, versions_of
from matrixscan.catalog.selectors import Policy, SelectorError

PACKAGES = FakeSource.known
PY = {"python": ("3.11",)}


def meaning(**known):
    return Meaning(PACKAGES | known, Policy(NOW))


def rows(product, **known):
    return [tuple(row.values()) for row in rows_of(PY | product, meaning(**known))]


def test_exact_versions_make_the_plain_product_in_the_order_of_the_file():
    product = {"python": ("3.9", "3.8"), "torch": ("2.0", "1.9"), "onnx": ("1.1",)}
    expected = [dict(zip(product, picked, strict=True)) for picked in itertools.product(*product.values())]
    assert list(rows_of(product, Meaning({}, Policy(NOW)))) == expected
    assert count(product, Meaning({}, Policy(NOW))) == 4
    assert not uses_selectors([product])


def test_selectors_give_versions_ascending_and_each_once():
    assert rows({"torch": ("2.0.1", "minors", "latest")}) == [("3.11", v) for v in ("2.0.1", "1.13.1", "2.1.0")]


def test_era_depends_on_the_row_and_equal_rows_come_once():
    assert rows({"torch": ("minors",), "onnx": ("era:torch", "latest")}) == [
        ("3.11", "1.13.1", "1.13.0"),
        ("3.11", "1.13.1", "1.14.1"),
        ("3.11", "2.0.1", "1.13.0"),
        ("3.11", "2.0.1", "1.14.1"),
        ("3.11", "2.1.0", "1.14.1"),
    ]


def test_era_follows_era_in_any_order_of_the_file():
    product = {"onnxscript": ("era:onnx",), "onnx": ("era:torch",), "torch": ("2.0.0", "2.1.0")}
    found = meaning(onnx=(release("1.13.0", "2023-03-10"), release("1.14.1", "2023-08-28")))
    assert list(rows_of(PY | product, found)) == [
        {"python": "3.11", "onnxscript": "0.1.0", "onnx": "1.13.0", "torch": "2.0.0"},
        {"python": "3.11", "onnxscript": "0.2.0", "onnx": "1.14.1", "torch": "2.1.0"},
    ]
    assert order_of(product) == ("torch", "onnx", "onnxscript")


def test_an_era_without_a_release_is_an_error_that_names_the_word_for_it():
    product = {"torch": ("1.13.0",), "onnxscript": ("era:torch",)}
    with pytest.raises(SelectorError, match=r"means no release of onnxscript for torch 1.13.0; write 'era:torch opt"):
        rows(product)


def test_optional_leaves_the_axis_out_and_what_follows_it_too():
    product = {
        "torch": ("1.13.0", "2.1.0"),
        "onnxscript": ("era:torch optional",),
        "onnx": ("era:onnxscript optional",),
    }
    assert rows(product) == [("3.11", "1.13.0"), ("3.11", "2.1.0", "0.2.0", "1.14.1")]


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ({"torch": ("era:onnx",), "onnx": ("era:torch",)}, r"go round in a circle \(onnx, torch\)"),
        ({"torch": ("era:torch",)}, r"circle \(torch\)"),
        ({"onnx": ("era:torch",)}, "torch is no axis of this product"),
        ({"torch": (">3",)}, "'>3' means no release of torch; there are 5, the newest is 2.1.0"),
        ({"nothing": ("latest",)}, "the index has no wheel of it"),
        ({"torch": ("9.9",), "onnx": ("era:torch",)}, "the index has no wheel of torch 9.9, so it has no era"),
        ({"undated": ("1.0",), "onnx": ("era:undated",)}, "does not say when undated 1.0 was uploaded"),
        ({"undated": ("latest since 2020-01-01",)}, "does not say when its releases were uploaded"),
    ],
)
def test_what_cannot_mean_anything_is_said(product, said):
    with pytest.raises(SelectorError, match=said):
        rows(product, undated=(release("1.0", None),))


def test_an_era_finds_a_version_however_it_is_spelled():
    assert rows({"torch": ("2.0",), "onnx": ("era:torch",)}) == [("3.11", "2.0", "1.13.0")]


TEXTS = ["latest", "minors", "oldest:2", ">=2", "2.0.0", "1.13.1"]
LINKED = [*("latest", "oldest", "1.12.0"), "era:torch", "era:torch <1.14"]


@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, unique=True),
    st.lists(st.sampled_from(LINKED), min_size=1, unique=True),
    st.lists(st.sampled_from(["era:onnx optional", "latest", "era:torch optional"]), min_size=1, unique=True),
)
def test_a_product_has_each_row_once_and_no_more_than_were_counted(torch, onnx, onnxscript):
    product = PY | {"onnxscript": tuple(onnxscript), "torch": tuple(torch), "onnx": tuple(onnx)}
    found = list(rows_of(product, meaning()))
    assert len({tuple(row.items()) for row in found}) == len(found) <= count(product, meaning())
    means = versions_of(product, meaning())
    for axis in ("torch", "onnx", "onnxscript"):
        said = {version for versions in means[axis].values() for version in versions}
        assert {row[axis] for row in found if axis in row} == said
    assert all(list(row) == [axis for axis in product if axis in row] for row in found)
