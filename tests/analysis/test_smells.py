import msgspec
import pytest
from record_samples import MISMATCH, case, infeasible, mismatch, record

from matrixscan.analysis.packaging import finding_line, holds, packaging_lines, smells, suspects, works
from matrixscan.records.packaging import PackagingExamination, PackagingFinding, PackagingRecord, PackagingTrial
from matrixscan.records.types import Error, Lock, StageRecord

AXES = ("python", "torch", "onnx", "onnxruntime", "onnxscript")
PACKAGES = dict.fromkeys(
    ("torch", "onnx", "onnxscript", "numpy", "ml-dtypes", "onnx-ir", "protobuf", "setuptools", "sympy", "jinja2"), "1"
)


def lock(**more):
    return Lock("0" * 64, "r.txt", "pypi", {**PACKAGES, **more})


def stages(stage, outcome="failed", error=None, log=None):
    passed = ("resolve", "install", "import")[: ("resolve", "install", "import").index(stage)]
    return (*(StageRecord(name, "passed", 1.0) for name in passed), StageRecord(stage, outcome, 1.0, error, log))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Said by torch 1.13 to 2.2 with NumPy 2.
        ("AttributeError: _ARRAY_API not found", ("numpy",)),
        ("Numpy is not available", ("numpy",)),
        ("onnx: module 'numpy' has no attribute 'object'.\n`np.object` was a deprecated alias", ("numpy",)),
        ("module 'ml_dtypes' has no attribute 'float4_e2m1fn'", ("ml-dtypes",)),
        # Both spellings are protobuf's own.
        ("Descriptors cannot not be created directly.\nIf this call came from a _pb2.py file", ("protobuf",)),
        ("Descriptors cannot be created directly.", ("protobuf",)),
        ("cannot import name 'builder' from 'google.protobuf.internal'", ("protobuf",)),
        ("No module named 'pkg_resources'", ("setuptools",)),
        ("cannot import name 'passes' from partially initialized module 'onnx_ir' (most likely)", ("onnx-ir",)),
        ("No module named 'onnx_ir.passes.common'", ("onnx-ir",)),
        ("sympy refuses what jinja2 wrote", ("sympy", "jinja2")),
        ("No module named 'packaging'", ("packaging",)),  # once came with another package
        # Axes are no suspects, and neither is what only looks like a name.
        ("No module named 'onnxscript._framework_apis.torch_2_11'", ()),
        ("module 'torch' has no attribute 'uint64'", ()),
        ("cannot open <env>/numpy/x", ()),
        ("numpyro is not there; see sympy-plot", ()),
        ("SIGSEGV", ()),
        ("", ()),
    ],
)
def test_words_name_packages(text, expected):
    assert suspects([text], PACKAGES, AXES) == expected


def test_the_innermost_frame_of_a_log_is_the_likeliest():
    log = 'File "<env>/lib/python3.8/site-packages/sympy/a.py"\nFile "<env>/lib/python3.8/site-packages/numpy/b.py"'
    assert suspects(["it broke", log], PACKAGES, AXES) == ("numpy", "sympy")
    assert suspects(["no jinja2", log], PACKAGES, AXES) == ("numpy", "sympy", "jinja2")


@pytest.mark.parametrize("stage", ["install", "import"])
@pytest.mark.parametrize("outcome", ["failed", "crashed"])
def test_an_environment_that_fails_smells_even_where_its_words_name_nobody(stage, outcome):
    error = Error("SIGSEGV", "the process was ended by SIGSEGV")
    (found,) = smells(record(stages=stages(stage, outcome, error), lock=lock()))
    assert (found.stage, found.case, found.error, found.suspects) == (stage, None, error, ())


@pytest.mark.parametrize(
    ("stage", "outcome", "kind"),
    [
        ("resolve", "infeasible", "ResolverConflict"),
        ("install", "infra", "InstallError"),
        ("import", "timed_out", "Timeout"),
        ("import", "infra", "Exited"),
        ("import", "failed", "VersionMismatch"),
    ],
)
def test_what_says_nothing_of_packages_does_not_smell(stage, outcome, kind):
    assert smells(record(stages=stages(stage, outcome, Error(kind, "numpy")), lock=lock())) == ()


def test_only_whole_environments_can_smell():
    broken = {"stages": stages("import", "failed", Error("ImportError", "numpy"))}
    assert smells(record(**broken, lock=lock()))
    assert smells(record(**broken, lock=lock(), evidence="factored")) == ()
    assert smells(record(**broken, lock=None)) == ()


def dead(message="No module named 'onnx_ir.passes'", kind="ModuleNotFoundError", stage="export", **more):
    return case("failed", stage=stage, error=Error(kind, message), **more)


def test_an_exporter_whose_exports_all_die_of_one_package_smells():
    cases = [
        dead(lane=("dynamo", 18), facts={"eager_ms": 9.0}),
        dead("cannot import name 'x' from 'onnx_ir' for op_pad", "ModuleNotFoundError", lane=("dynamo", 18), probe="p"),
        infeasible(lane=("dynamo", 20)),
        case(),
    ]
    (found,) = smells(record(cases=cases, lock=lock()))
    assert (found.stage, found.suspects) == ("export", ("onnx-ir",))
    assert found.case == cases[1].id  # the cheaper one shows it as well


def test_words_that_no_model_has_of_its_own_smell_where_others_get_through():
    # Said by protobuf 7.34 of what onnxscript 0.2.1 writes.
    words = "writing\ncaused by TypeError: Field onnx.AttributeProto.i: Expected an int, got a boolean."
    cases = [
        dead(words, "SerdeError"),
        dead(words, "SerdeError", probe="p"),
        dead("sympy is wrong", "TypeError", probe="q"),
    ]
    (found,) = smells(record(cases=[*cases, case(size={"t": 345})], lock=lock()))
    assert (found.stage, found.error.type, found.suspects) == ("export", "SerdeError", ("protobuf",))
    # The same words, and others of the same kind beside them.
    assert smells(record(cases=[*cases, dead("no", "SerdeError", probe="r")], lock=lock())) == ()


@pytest.mark.parametrize(
    "cases",
    [
        [dead(), case(size={"t": 345})],  # one gets through
        [dead(), dead("numpy is wrong", "TypeError", size={"t": 345})],  # of two kinds
        [dead(), dead("sympy is wrong", size={"t": 345})],  # of nothing in common
        [dead(), dead(stage="check", size={"t": 345})],
        [dead("this operator is not supported", "UnsupportedOperatorError")],
        [mismatch(0.1)],
        [case("timed_out", stage="export", error=Error("Timeout", "sympy is slow"))],
        [dead("No module named 'einops'", stage="build")],  # the model's own import
        [],
    ],
)
def test_failures_of_single_models_do_not_smell(cases):
    assert smells(record(MISMATCH, cases=cases, lock=lock())) == ()


def test_a_witness_decides_nothing_and_two_exporters_may_die_of_two_things():
    cases = [
        dead(),
        case("passed", witness=True, runner="reference"),
        dead("module 'sympy' has no attribute 'core'", "AttributeError", lane=("dynamo", 18)),
    ]
    assert [found.suspects for found in smells(record(cases=cases, lock=lock()))] == [("onnx-ir",), ("sympy",)]
    same = [dead(), dead(lane=("dynamo", 18))]
    # Of one thing too: what is found is said of the exporter it was tried with.
    assert len(smells(record(cases=same, lock=lock()))) == len(same)


@pytest.mark.parametrize(
    ("outcome", "at", "stage", "expected"),
    [
        ("passed", None, "export", True),
        ("failed", "export", "export", False),
        ("crashed", "import", "export", False),
        ("timed_out", "export", "export", None),
        ("skipped", "build", "export", None),
        ("infra", "import", "import", None),
        ("infeasible", "resolve", "import", None),
        ("failed", "resolve", "import", None),
        ("failed", "install", "import", None),
        ("failed", "install", "install", False),
    ],
)
def test_what_a_trial_tells(outcome, at, stage, expected):
    assert works(PackagingTrial("moved", {}, outcome, at), stage) is expected


FINDING = PackagingFinding("tablet", "1.4.1", "1.5.0", 9, "2023-08-31")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "works with tablet 1.4.1, breaks from tablet 1.5.0 (9 trials)"),
        ({"exact": False}, "works with tablet 1.4.1, breaks from tablet 1.5.0 or earlier (9 trials)"),
        (
            {"together": {"slate": "3.0"}},
            "works with tablet 1.4.1, breaks from tablet 1.5.0 beside slate 3.0 (9 trials)",
        ),
    ],
)
def test_a_finding_is_one_line(more, expected):
    fields = {name: getattr(FINDING, name) for name in FINDING.__struct_fields__}
    assert finding_line(PackagingFinding(**(fields | more))) == expected


def test_a_log_names_what_the_words_of_the_cases_do_not():
    # Said by ONNX Runtime 1.16 with NumPy 2, whose import passes all the same.
    cases = [dead("module 'onnxruntime' has no attribute 'InferenceSession'", "AttributeError", stage="load")]
    broken = record(cases=cases, lock=lock())
    warned = 'File "<env>/site-packages/sympy/a.py", line 1\nAttributeError: _ARRAY_API not found\n'
    assert smells(broken) == ()
    assert smells(broken, 'File "<env>/site-packages/sympy/a.py", line 1\nUserWarning: numpy is slow') == ()
    (found,) = smells(broken, warned)
    assert (found.stage, found.suspects) == ("load", ("numpy",))
    assert smells(record(cases=[case()], lock=lock()), warned) == ()


def test_an_examination_holds_for_the_packages_and_the_harness_it_was_of():
    fields = dict.fromkeys(PackagingRecord.__struct_fields__, "")
    made = PackagingRecord(**(fields | {"today": PACKAGES, "harness": "h"}))
    assert holds(made, record(lock=lock()))
    assert not holds(made, record(lock=lock(numpy="2")))
    assert not holds(msgspec.structs.replace(made, harness="other"), record(lock=lock()))
    assert not holds(made, record(lock=None))


def test_every_examination_is_said():
    examinations = (
        PackagingExamination("import", None, None, (), "found", findings=(FINDING, FINDING)),
        PackagingExamination("export", "p/v/dynamo", None, (), "not_transitive", "2023-08-31"),
        PackagingExamination(
            "install", None, None, (), "found", findings=(msgspec.structs.replace(FINDING, rest=False),)
        ),
    )
    fields = dict.fromkeys(PackagingRecord.__struct_fields__, "")
    lines = packaging_lines(PackagingRecord(**(fields | {"examinations": examinations})))
    assert lines == (
        f"import: {finding_line(FINDING)}",
        f"import: {finding_line(FINDING)}",
        "export of p/v/dynamo: it fails with the packages of 2023-08-31 too",
        f"install: {finding_line(FINDING)}",
        "install: something else breaks it too, and was not found",
    )
