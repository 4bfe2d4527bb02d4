"""What is said of pins: a wrong good is the worst there is."""

import platform

import msgspec
import pytest

from matrixscan.analysis.known_pins import answer
from matrixscan.analysis.known_pins_index import (
    SCHEMA_VERSION,
    IndexBuilder,
    Judged,
    Platform,
    Subject,
    decode_index,
    encode_index,
)
from matrixscan.analysis.known_pins_match import same_python
from matrixscan.analysis.known_pins_types import KNOWN_BAD, KNOWN_GOOD, UNTESTED
from matrixscan.errors import NothingSelectedError, UnknownNameError
from matrixscan.pins.read import read_pins

HERE = Platform("this machine", platform.system(), platform.machine())
AXES = ("python", "torch", "onnx", "onnxruntime", "onnxscript")
GOOD, BAD = Judged("good"), Judged("bad", "compare: mismatch")
UNKNOWN = Judged("unknown", "unknown: not run")


def row(*versions):
    return {axis: version for axis, version in zip(AXES, versions, strict=False) if version}


OLD = row("3.8", "1.11.0", "1.14.1", "1.16.1")
MIDDLE = row("3.8", "2.3.1", "1.16.1", "1.18.1")
NEW = row("3.13", "2.15.0", "1.23.2", "1.31.1", "0.7.2")
ROWS = {"old": (OLD, GOOD), "middle": (MIDDLE, BAD), "new": (NEW, GOOD)}


def index(rows=None, name="default", *, subjects=("model/plain",), alternatives=(), axes=AXES, **more):
    """Rows are (axes, verdict or subject -> verdict); `more` goes to each of them."""
    listed = [Subject(key, True) for key in subjects] + [Subject(key, False) for key in alternatives]
    builder = IndexBuilder(name, listed)
    settings = {"evidence": "joint", "platform": HERE, "date": "2025-01-01", **more}
    for versions, verdicts in ROWS.values() if rows is None else rows:
        same = not isinstance(verdicts, dict)
        builder.add(versions, dict.fromkeys((*subjects, *alternatives), verdicts) if same else verdicts, **settings)
    return builder.build(axis for axis in axes if any(axis in versions for versions, _ in (rows or ROWS.values())))


def pins(versions, *, python=None, extra="", complete=False):
    text = "".join(f"{name}=={version}\n" for name, version in versions.items() if name != "python") + extra
    made = read_pins("-", text=text, python=python or versions.get("python"))
    return msgspec.structs.replace(made, complete=complete)


def asked(made, *indexes, **more):
    return answer(made, indexes or (index(),), **more)


@pytest.mark.parametrize(("name", "verdict"), [("old", KNOWN_GOOD), ("middle", KNOWN_BAD), ("new", KNOWN_GOOD)])
def test_a_combination_that_is_pinned_on_every_axis_is_known(name, verdict):
    found = asked(pins(ROWS[name][0]))
    assert found.verdict == verdict
    (match,) = found.matrices[0].matches
    assert (match.axes, match.evidence, match.platform, match.date) == (
        ROWS[name][0],
        "joint",
        "this machine",
        "2025-01-01",
    )
    assert match.verdicts["model/plain"] == ROWS[name][1]


@pytest.mark.parametrize("axis", ["torch", "onnx", "onnxruntime", "onnxscript"])
def test_good_needs_every_axis(axis):
    without = {name: version for name, version in NEW.items() if name != axis}
    loose = asked(pins(without, extra=f"{axis}>=0\n"))
    silent = asked(pins(without))
    gone = asked(pins(without, complete=True))
    other = asked(pins(without | {axis: "0.0.1"}))
    assert {loose.verdict, silent.verdict, gone.verdict, other.verdict} == {UNTESTED}
    (opened,) = loose.matrices[0].open
    assert (opened.axis, opened.said, opened.verdicts) == (axis, ">=0", {NEW[axis]: "good"})
    assert silent.matrices[0].open[0].said == ""
    assert gone.matrices[0].open == other.matrices[0].open == ()
    (difference,) = gone.nearest[0].differences
    assert (difference.axis, difference.yours, difference.tested) == (axis, None, NEW[axis])


def test_an_axis_that_the_combination_did_not_have_is_a_difference():
    found = asked(pins(OLD | {"onnxscript": "0.7.2"}))
    assert found.verdict == UNTESTED
    (difference,) = found.nearest[0].differences
    assert (difference.axis, difference.yours, difference.tested) == ("onnxscript", "0.7.2", None)
    assert asked(pins(OLD, extra="onnxscript>0\n")).verdict == UNTESTED


def test_a_part_that_no_matrix_has_as_an_axis_counts_unless_it_was_installed_all_the_same():
    narrow = index([(OLD, GOOD)])
    with_script = index([(OLD, GOOD)], packages={"onnxscript": "0.1.0"})
    made = pins(OLD | {"onnxscript": "0.1.0"})
    assert asked(made, narrow).verdict == UNTESTED
    assert asked(made, with_script).verdict == KNOWN_GOOD
    assert asked(pins(OLD | {"onnxscript": "0.2.0"}), with_script).verdict == UNTESTED
    both = index([(OLD, GOOD), (NEW, GOOD)], packages={"onnxscript": "0.1.0"})
    assert asked(made, both).verdict == KNOWN_GOOD


@pytest.mark.parametrize(
    "other",
    [
        *("onnxruntime-gpu==1.16.1", "onnxruntime-rocm==1.16.1", "onnxruntime-training-cpu==1.16.1", "ort-nightly"),
        *("ort-nightly-directml==1.16.1", "onnx-weekly==1.14.1"),
    ],
)
def test_another_package_of_the_same_module_is_another_combination(other):
    found = asked(pins(OLD, extra=f"{other}\n"))
    assert found.verdict == UNTESTED
    assert found.nearest[0].differences[0].yours.startswith(other.partition("==")[0])
    assert found.nearest[0].differences[0].steps == 0  # another package is no number of releases away


def test_a_local_label_does_not_matter_and_is_told():
    found = asked(pins(OLD | {"torch": "1.11.0+cu113"}))
    assert found.verdict == KNOWN_GOOD
    assert "torch 1.11.0+cu113, measured with the build 1.11.0" in found.cautions
    cpu = index([(OLD, GOOD)], packages={"torch": "1.11.0+cpu"})
    assert not asked(pins(OLD | {"torch": "1.11.0+cpu"}), cpu).cautions


def test_versions_are_compared_as_versions():
    assert asked(pins(OLD | {"torch": "1.11"})).verdict == KNOWN_GOOD
    assert asked(pins(OLD | {"torch": "1.11.0rc1"})).verdict == UNTESTED
    assert asked(pins(OLD | {"torch": "1.11.0.post1"})).verdict == UNTESTED


def test_what_was_only_measured_apart_is_never_good_but_can_be_bad():
    apart = index(evidence="factored")
    found = asked(pins(OLD), apart)
    assert found.verdict == UNTESTED
    assert "never installed together" in found.matrices[0].why
    assert asked(pins(MIDDLE), apart).verdict == KNOWN_BAD
    # Whole evidence of another matrix stands on its own.
    assert asked(pins(OLD), index(), index([(OLD, BAD)], "other", evidence="factored")).verdict == KNOWN_BAD


def test_bad_wins_over_good_and_both_are_shown():
    found = asked(pins(OLD), index(), index([(OLD, BAD)], "other"))
    assert found.verdict == KNOWN_BAD
    assert [each.verdict for each in found.matrices] == [KNOWN_GOOD, KNOWN_BAD]
    assert all(each.matches for each in found.matrices)
    # What one matrix found to be bad is nowhere named as a way out.
    assert [each.axes for each in found.nearest_good] == [NEW]


def test_a_subject_without_a_verdict_makes_a_combination_untested():
    for verdict in (UNKNOWN, Judged("unknown", "unknown: infra: Quarantined")):
        found = asked(pins(OLD), index([(OLD, {"a/x": GOOD, "b/x": verdict})], subjects=("a/x", "b/x")))
        assert (found.verdict, found.matrices[0].why) == (UNTESTED, "measured without a verdict: b/x")
    # That another matrix is good does not make it known: this one tried, and does not know.
    silent = index([(OLD, UNKNOWN)], "other")
    assert asked(pins(OLD), index(), silent).verdict == UNTESTED


def test_one_matrix_that_knows_is_enough_unless_several_are_named():
    elsewhere = index([(NEW, GOOD)], "other")
    assert asked(pins(OLD), index(), elsewhere).verdict == KNOWN_GOOD
    assert asked(pins(OLD), index(), elsewhere, strict=True).verdict == UNTESTED


SEVERAL = ("a/one", "a/two", "b/one")


def several(name="default"):
    verdicts = {"a/one": GOOD, "a/two": BAD, "b/one": GOOD, "c/x": BAD}
    return index([(OLD, verdicts)], name, subjects=("a/one", "b/one"), alternatives=("a/two", "c/x"))


@pytest.mark.parametrize(
    ("probes", "verdict", "subjects"),
    [
        ((), KNOWN_GOOD, ["a/one", "b/one"]),
        (("a",), KNOWN_GOOD, ["a/one"]),
        (("a/two",), KNOWN_BAD, ["a/two"]),
        (("c",), KNOWN_BAD, ["c/x"]),
        (("a", "b"), KNOWN_GOOD, ["a/one", "b/one"]),
    ],
)
def test_probes_can_be_named(probes, verdict, subjects):
    found = asked(pins(OLD), several(), probes=probes)
    assert (found.verdict, list(found.matrices[0].subjects)) == (verdict, subjects)


def test_every_probe_that_is_named_has_to_be_good_somewhere():
    other = index([(NEW, GOOD)], "other", subjects=("d/x",))
    assert asked(pins(OLD), several(), other, probes=("a", "d")).verdict == UNTESTED
    with pytest.raises(UnknownNameError, match="unknown probe 'd/y'; choose from: a, a/one"):
        asked(pins(OLD), several(), other, probes=("d/y",))


def test_a_matrix_that_judges_nothing_answers_nothing():
    with pytest.raises(NothingSelectedError):
        asked(pins(OLD), index(subjects=(), alternatives=("a/x",)))


def without_python(versions):
    return {name: version for name, version in versions.items() if name != "python"}


def test_an_unknown_python_is_every_python_that_was_tested():
    newer = OLD | {"python": "3.10"}
    found = asked(pins(without_python(OLD)), index([(OLD, GOOD), (newer, GOOD)]))
    assert (found.verdict, len(found.matrices[0].matches)) == (KNOWN_GOOD, 2)
    assert "the Python is not known: measured on 3.8, 3.10 and no other" in found.cautions
    split = index([(OLD, GOOD), (newer, BAD)])
    found = asked(pins(without_python(OLD)), split)
    assert found.verdict == UNTESTED
    assert found.matrices[0].why == "it depends on the Python (3.8 good, 3.10 bad); say which with --python"
    assert asked(pins(OLD), split).verdict == KNOWN_GOOD
    assert asked(pins(OLD, python="3.10"), split).verdict == KNOWN_BAD
    assert asked(pins(OLD, python="3.9"), split).verdict == UNTESTED
    assert asked(pins(without_python(OLD)), index([(OLD, BAD), (newer, BAD)])).verdict == KNOWN_BAD


def test_pins_that_depend_on_the_python_are_read_for_each_of_them(tmp_path):
    path = tmp_path / "requirements.txt"
    marked = {"torch": ("1.11.0", "2.15.0"), "onnx": ("1.14.1", "1.23.2"), "onnxruntime": ("1.16.1", "1.31.1")}
    lines = [
        f"{name}=={version}; python_version {sign} '3.10'\n"
        for name, versions in marked.items()
        for sign, version in zip(("<", ">"), versions, strict=True)
    ]
    path.write_text("".join(lines) + "onnxscript==0.7.2; python_version > '3.10'\n")
    found = answer(read_pins(path), [index()], reread=lambda python: read_pins(path, python=python))
    assert found.verdict == KNOWN_GOOD
    assert [match.axes for match in found.matrices[0].matches] == [OLD, NEW]


def test_only_pythons_that_the_source_allows_count():
    made = msgspec.structs.replace(pins(without_python(OLD)), requires_python=">=3.9")
    assert asked(made).verdict == UNTESTED
    assert asked(made, index([(OLD, GOOD)])).matrices[0].why == "nothing was tested on a Python that fits >=3.9"


@pytest.mark.parametrize(
    ("yours", "tested", "alike"),
    [
        ("3.8", "3.8", True),
        ("3.8.18", "3.8", True),
        ("3.8", "3.8.18", True),
        ("3.8.1", "3.8.18", False),
        ("3.1", "3.10", False),
    ],
)
def test_pythons_are_one_as_far_as_both_say(yours, tested, alike):
    assert same_python(yours, tested) is alike


def test_the_nearest_differ_in_the_fewest_axes_and_then_by_the_fewest_releases():
    torches = ("1.11.0", "1.13.1", "2.0.1", "2.1.2", "2.3.1")
    rows = [(row("3.8", torch, "1.14.1", "1.16.1"), GOOD) for torch in torches]
    rows += [(row("3.8", "2.2.0", "1.15.0", "1.17.0"), BAD)]
    found = asked(pins(row("3.8", "2.2.0", "1.14.1", "1.16.1")), index(rows))
    assert [each.axes["torch"] for each in found.nearest] == ["2.3.1", "2.1.2", "2.0.1"]
    assert [each.differences[0].steps for each in found.nearest] == [1, 1, 2]
    between = asked(pins(row("3.8", "2.0.5", "1.14.1", "1.16.1")), index(rows))
    assert [(each.axes["torch"], each.differences[0].steps) for each in between.nearest] == [
        ("2.1.2", 1),
        ("2.0.1", 1),
        ("1.13.1", 2),
    ]


def test_bad_pins_come_with_the_nearest_good_ones():
    found = asked(pins(MIDDLE))
    assert [each.axes for each in found.nearest_good] == [OLD, NEW]
    assert found.nearest == ()


def test_a_matrix_about_something_else_is_no_neighbour():
    ncnn = {"python": "3.8", "torch": "2.3.1", "ncnn": "1.0"}
    other = index([(ncnn, GOOD)], "ncnn", axes=("python", "torch", "ncnn"))
    assert {each.matrix for each in asked(pins(MIDDLE), index(), other).nearest_good} == {"default"}


def test_pins_of_nothing_that_was_tested_say_so():
    found = asked(pins({"requests": "2.0", "python": "3.8"}, complete=True))
    assert (found.verdict, found.nearest, found.pins) == (UNTESTED, (), {})
    assert found.matrices[0].why == "none of torch, onnx, onnxruntime, onnxscript is named"


LOCKED = {"numpy": "1.26.4", "protobuf": "5.29.6", "sympy": "1.13.3", "filelock": "3.16.1", "triton": "2.3.1"}


@pytest.mark.parametrize(
    ("others", "verdict", "caution"),
    [
        ({"numpy": "1.26.4"}, KNOWN_GOOD, "protobuf is not pinned, measured with 5.29.6"),
        ({"numpy": "1.25.0"}, KNOWN_GOOD, "numpy 1.25.0, measured with 1.26.4"),
        ({"numpy": "2.1.0"}, UNTESTED, "numpy 2.1.0, measured with 1.26.4"),
        ({"protobuf": "3.20.3"}, UNTESTED, "protobuf 3.20.3, measured with 5.29.6"),
        ({"numpy": ">=2"}, UNTESTED, "numpy is not pinned, measured with 1.26.4"),
        ({"numpy": "<2"}, KNOWN_GOOD, "numpy is not pinned, measured with 1.26.4"),
        ({"numpy": "==1.25.*"}, UNTESTED, "numpy is not pinned, measured with 1.26.4"),
        ({"numpy": ""}, KNOWN_GOOD, "numpy is not pinned, measured with 1.26.4"),
        (
            {"sympy": "1.12", "filelock": "3.0"},
            KNOWN_GOOD,
            "other releases than measured: sympy 1.12 for 1.13.3, filelock",
        ),
    ],
)
def test_other_packages_are_cautions_and_another_interface_is_no_good(others, verdict, caution):
    exact = {name: version for name, version in others.items() if version[:1].isdigit()}
    extra = "".join(f"{name}{said}\n" for name, said in others.items() if name not in exact)
    found = asked(pins(OLD | exact, extra=extra), index([(OLD, GOOD)], packages={**LOCKED, **OLD}))
    assert found.verdict == verdict
    assert any(line.startswith(caution) for line in found.cautions)
    # What is bad stays bad.
    assert asked(pins(OLD | exact, extra=extra), index([(OLD, BAD)], packages=LOCKED)).verdict == KNOWN_BAD


def test_an_environment_without_a_package_of_an_interface_is_not_the_one_measured():
    measured = index([(OLD, GOOD)], packages={**LOCKED, **OLD})
    interfaces = {"numpy": "1.26.4", "protobuf": "5.29.6"}
    assert asked(pins(OLD | interfaces, complete=True), measured).verdict == KNOWN_GOOD
    found = asked(pins(OLD | {"numpy": "1.26.4"}, complete=True), measured)
    assert found.verdict == UNTESTED
    assert "measured with protobuf 5.29.6, yours is not there" in found.matrices[0].why


def test_a_survey_says_nothing_of_pins_unless_a_probe_is_named():
    survey = msgspec.structs.replace(index([(OLD, BAD), (MIDDLE, GOOD)], "survey"), advises="probes")
    assert asked(pins(OLD), index(), survey).verdict == KNOWN_GOOD
    assert asked(pins(OLD), index(), survey, probes=["model"]).verdict == KNOWN_BAD
    assert asked(pins(OLD), survey, strict=True).verdict == KNOWN_BAD
    # It is a hint, where nothing else knows the pins.
    elsewhere = index([(NEW, GOOD)])
    found = asked(pins(OLD), elsewhere, survey)
    assert found.verdict == UNTESTED
    assert found.notes == ("survey has these pins, for single models: name one with --probe, or --matrix survey",)
    assert asked(pins(OLD | {"torch": "1.12.1"}), elsewhere, survey).notes == ()


def test_another_machine_is_a_caution():
    there = index([(OLD, GOOD)], platform=Platform("there", "OtherOS", "z80"))
    (caution,) = asked(pins(OLD), there).cautions
    assert caution == f"measured on OtherOS z80; this is {platform.system()} {platform.machine()}"


def test_an_index_survives_its_file():
    made = index(packages=LOCKED)
    text = encode_index(made)
    assert encode_index(decode_index(text.encode())) == text
    assert asked(pins(OLD), decode_index(text.encode())) == asked(pins(OLD), made)
    assert len(text.splitlines()) == len(made.__struct_fields__) + 2


@pytest.mark.parametrize("damage", [lambda text: text[:-20], lambda text: text.replace('"axes"', '"axis"')])
def test_a_damaged_index_or_one_of_another_version_is_not_believed(damage):
    text = encode_index(index())
    assert decode_index(damage(text).encode()) is None
    newer = text.replace(f'"schema_version": {SCHEMA_VERSION}', f'"schema_version": {SCHEMA_VERSION + 1}')
    assert decode_index(newer.encode()) is None
