import re

from hypothesis import given
from hypothesis import strategies as st

from matrixscan.plan.ids import MAX_LENGTH, case_id, combination_id

NUMBER = st.integers(0, 40).map(str)
RELEASE = st.lists(NUMBER, min_size=1, max_size=3).map(".".join)
VERSION = st.tuples(RELEASE, st.sampled_from(["", "a1", "rc2", ".post1", ".dev0", "+cpu", "+cu12.1"])).map("".join)
NAME = st.sampled_from(["torch", "onnx", "onnxruntime", "onnx-ir", "ort", "py", "a", "a1", "a-1", "a-1b", "a-b"])
PYTHON = st.lists(NUMBER, min_size=2, max_size=3).map(".".join)
AXES = st.tuples(PYTHON, st.dictionaries(NAME, VERSION, max_size=6)).map(lambda drawn: {"python": drawn[0], **drawn[1]})


def test_the_ids_everyone_knows():
    row = {
        "onnxruntime": "1.31.1",
        "onnxscript": "0.7.2",
        "python": "3.13",
        "onnx": "1.23.2",
        "torch": "2.15.0",
    }
    assert combination_id(row) == "py313-torch2.15.0-onnx1.23.2-ort1.31.1-onnxscript0.7.2"
    assert combination_id({"python": "3.8.18", "torch": "2.4.0+cpu"}) == "py3.8.18-torch2.4.0+cpu"
    assert combination_id({"python": "3.8", "onnx-ir": "0.1", "ml-dtypes": "0.5"}) == "py38-ml_dtypes0.5-onnx_ir0.1"


def test_a_name_that_ends_in_a_digit_keeps_apart_from_its_version():
    assert combination_id({"python": "3.8", "k2": "1.24"}) == "py38-k2__1.24"


def test_a_long_id_is_cut_and_carries_its_digest():
    axes = {"python": "3.8"} | {f"package-{letter}": "1.2.3" for letter in "abcdefgh"}
    name = combination_id(axes)
    assert len(name) == MAX_LENGTH
    assert re.fullmatch(r"py38-package_a1\.2\.3-.*-[0-9a-f]{8}", name)
    assert name != combination_id(axes | {"package-h": "1.2.4"})


def test_an_epoch_leaves_the_alphabet_and_so_carries_a_digest():
    name = combination_id({"python": "3.8", "torch": "1!2.0"})
    assert re.fullmatch(r"py38-torch1_2\.0-[0-9a-f]{8}", name)


@given(AXES, AXES)
def test_distinct_axes_have_distinct_ids(one, other):
    assert (combination_id(one) == combination_id(other)) == (one == other)


@given(AXES, st.randoms())
def test_an_id_is_stable_short_and_plain(axes, random):
    name = combination_id(axes)
    shuffled = list(axes.items())
    random.shuffle(shuffled)
    assert combination_id(dict(shuffled)) == name
    assert re.fullmatch(r"[A-Za-z0-9._+-]{1,80}", name)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_an_id_is_short_and_plain_whatever_the_text(axes):
    assert re.fullmatch(r"[A-Za-z0-9._+-]{1,80}", combination_id(axes) or "-")


def test_a_case_id_names_the_size_keys_in_the_given_order():
    fields = {"variant": "published", "exporter": "torchscript", "opset": 13, "precision": "fp32"}
    name = case_id(probe="campplus", runner="onnxruntime-cpu", size={"n": 3, "t": 17}, **fields)
    assert name == "campplus/published/torchscript/opset13/fp32/onnxruntime-cpu/n3,t17"
