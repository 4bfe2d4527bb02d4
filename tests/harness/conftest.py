"""Real environments, made once by the project's own code and kept in pytest's cache folder between sessions."""

import itertools
import textwrap
from pathlib import Path

import filelock
import pytest

from matrixscan.environment.create import Environment, create
from matrixscan.environment.harness import place_harness, run_harness
from matrixscan.environment.install import install
from matrixscan.environment.interpreters import find_interpreter
from matrixscan.environment.lock import inputs_digest, read_lock, resolve
from matrixscan.environment.torch_index import choose_torch_index
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.matrix.types import Limits
from matrixscan.records.events import Fold, read_events

_NEWEST = {
    "python": "3.13",
    "torch": "2.15.0",
    "onnx": "1.23.2",
    "onnxruntime": "1.31.1",
    "onnxscript": "0.7.2",
}
COMBINATIONS = {
    "oldest": {"python": "3.8", "torch": "1.11.0", "onnx": "1.14.1", "onnxruntime": "1.16.1"},
    "newest": _NEWEST,
    "ncnn": {"python": "3.13", "torch": "2.15.0", "pnnx": "20261020", "ncnn": "1.0.20261020"},
    "openvino": {**_NEWEST, "openvino": "2026.4.1"},
    # What runs artifacts of the first two, without torch and onnx.
    "oldest-run": {"python": "3.8", "onnxruntime": "1.16.1"},
    "newest-run": {"python": "3.13", "onnxruntime": "1.31.1"},
}


class Bed:
    """An environment to try probes in."""

    def __init__(self, name: str, environment: Environment, harness: Path) -> None:
        self.name, self.environment, self.harness = name, environment, harness
        self.axes = COMBINATIONS[name]
        self.exporter, self.opset = ("torchscript", 13) if name == "oldest" else ("dynamo", 18)

    def case(self, probe, size=None, exporter=None, opset=None, **more):
        """Return a case of a probe in the form of a request."""
        case = {"probe": probe, "variant": "only", "precision": "fp32", "runner": "onnxruntime-cpu"} | more
        case |= {"exporter": exporter or self.exporter, "opset": opset or self.opset, "size": size or {"n": 2}}
        where = ",".join(f"{key}{value}" for key, value in case["size"].items())
        lane = [probe, case["variant"], case["exporter"], f"opset{case['opset']}", case["precision"], where]
        return case | {"id": "/".join(lane)}

    def request(self, folder, probes, cases, axes=None):
        """Write probe files and return the request for their cases."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, probe in probes.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(probe["source"]), encoding="utf-8")
        described = {
            name: {"name": name, "file": str(folder / f"{name}.py"), "digest": name, "overlay": [], "weights": None}
            | {"nonfinite": False, "variants": ["only"], "checkpoint": None, "row": None, "open": False}
            | {"samples": 1, "agree": {}, "pictures": [], "export_size": {"n": 2}, "run_sizes": []}
            | {"tolerances": {"fp32": {"": [1e-3, 1e-5]}, "fp16": {"": [1e-2, 1e-3]}}}
            | {"stages": {"": {"outputs": ["y"], "dynamic": {"x": {"0": "n"}, "y": {"0": "n"}}}}}
            | probe.get("fields", {})
            for name, probe in probes.items()
        }
        return {"axes": axes or self.axes, "threads": 1, "probes": described, "cases": cases}

    def run(self, folder, request, limits=None, seconds=None, notice=None):
        """Run a request and return the outcomes by case id, and the fold of its events."""
        run_harness(
            self.environment,
            self.harness,
            request,
            folder,
            limits or Limits(case_seconds=120.0),
            seconds or {},
            notice or (lambda _: None),
        )
        fold = Fold.of(read_events(folder / EVENTS_FILE))
        return {case["id"]: fold.outcome_of(case) for case in request["cases"]}, fold


def _build(name: str, folder: Path) -> Environment:
    axes = COMBINATIONS[name]
    requirements = tuple(f"{package}=={version}" for package, version in itertools.islice(axes.items(), 1, None))
    interpreter = find_interpreter(axes["python"])
    file = folder / f"{name}.txt"
    lock = read_lock(file)
    if lock is None or lock.inputs != inputs_digest(requirements, axes["python"]):
        index = choose_torch_index("auto")
        lock = resolve(requirements, interpreter=interpreter, python=axes["python"], torch_index=index, title=name)
        file.write_text(lock.text, encoding="utf-8")
    environment = create(folder / name, interpreter)
    install(environment, lock, seconds=1200.0)
    return environment


@pytest.fixture(scope="session", params=("oldest", "newest"))
def bed(request):
    """One of the environments, by default the two ends of what is supported.

    A missing interpreter or package fails the test, it is never skipped.
    """
    return _bed(request, request.param)


@pytest.fixture(scope="session")
def run_side(request, bed):
    """What runs artifacts that were made in `bed`."""
    return _bed(request, f"{bed.name}-run")


@pytest.fixture(scope="session", params=("oldest-run", "newest-run"))
def lone_runner(request):
    """What runs a model without its source: onnxruntime, and neither torch nor onnx."""
    return _bed(request, request.param)


def _bed(request, name):
    folder = Path(request.config.cache.mkdir("matrixscan-environments"))
    with filelock.FileLock(folder / f"{name}.lock"):
        environment = _build(name, folder)
    return Bed(name, environment, place_harness(folder / "harness"))
