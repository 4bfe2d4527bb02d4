"""`[artifact]`: a model that is there as a file, without the source and the torch it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.harness.protocol import FILE_EXPORTER
from matrixscan.matrix.backends import exporters, runners
from matrixscan.matrix.layout import ProbeTable
from matrixscan.matrix.npz import array_types
from matrixscan.matrix.probe_table import check_comparisons, check_parts, settings
from matrixscan.matrix.problems import Problems, check_bounds, check_list, join, read_table
from matrixscan.matrix.selection import is_file
from matrixscan.matrix.types import Artifact, Cases, Matrix, Probe

#: How the sizes of its cases are called: they number the samples.
SAMPLE = "sample"

_PATH = "artifact"
#: Suffixes of weights beside a model: as torch writes them, and as Optimum does.
_WEIGHTS = (".data", "_data")
#: The model is called so where it is run, whatever its own name is.
_STORED = "model.onnx"
_NUMBERS = "fiub"  # kinds of NumPy that can be compared


def read_artifact(raw: Mapping[str, Any], base: Path, problems: Problems) -> Artifact | None:
    """Read the `[artifact]` table of a matrix in the folder `base`, and note what is wrong with its files."""
    if _PATH not in raw:
        return None
    before = len(problems)
    values = read_table(raw[_PATH], Artifact, _PATH, problems)
    for key in ("probes", "plan"):
        if key in raw and raw[key] != "factored":
            problems.add(key, "does not go with [artifact], which is run as it is; leave it out")
    for key in ("exporters", "opsets"):
        if isinstance(raw.get("cases"), dict) and key in raw["cases"]:
            problems.add(f"cases.{key}", "nothing is exported where there is an [artifact]; leave it out")
    if len(problems) > before:
        return None
    artifact = Artifact(**values)
    _check_model(artifact, base, problems)
    _check_samples(artifact, base, problems)
    check_bounds({"rtol": artifact.rtol, "atol": artifact.atol}, _PATH, problems)
    check_comparisons(values, _PATH, problems)
    return artifact


def _check_model(artifact: Artifact, base: Path, problems: Problems) -> None:
    path = f"{_PATH}.model"
    if not is_file(base / artifact.model):
        problems.add(path, _missing(artifact.model, base))
    check_parts([Path(artifact.model).stem], path, problems, labelled=False)
    if artifact.files:
        check_list(artifact.files, f"{_PATH}.files", problems)
    for at, name in enumerate(artifact.files):
        if not name or Path(name).name != name or name == _STORED:
            problems.add(f"{_PATH}.files[{at}]", f"{name!r} is not the name of a file beside the model")
        elif not is_file(base / Path(artifact.model).parent / name):
            problems.add(f"{_PATH}.files[{at}]", f"no file {name!r} beside the model")


def _missing(name: str, base: Path) -> str:
    return f"no file {name!r} in {base.absolute()}; paths count from the folder of the matrix"


def _check_samples(artifact: Artifact, base: Path, problems: Problems) -> None:
    check_list(artifact.inputs, f"{_PATH}.inputs", problems)
    given, asked = len(artifact.outputs), len(artifact.inputs)
    if given not in {0, asked}:
        words = f"has {given} files for {asked} of inputs; name one for each, in the same order, or none"
        problems.add(f"{_PATH}.outputs", words)
    for key, files in (("inputs", artifact.inputs), ("outputs", artifact.outputs)):
        for at, name in enumerate(files):
            path = f"{_PATH}.{key}[{at}]"
            if is_file(base / name):
                _check_arrays(base / name, name, path, problems, compared=key == "outputs")
            else:
                problems.add(path, _missing(name, base))


def _check_arrays(file: Path, name: str, path: str, problems: Problems, *, compared: bool) -> None:
    try:
        found = array_types(file)
    except ValueError as error:
        problems.add(path, f"{name!r} {error}; write it with numpy.savez, one array for each name")
        return
    if compared and not found:
        problems.add(path, f"{name!r} holds no array; name what the model gives")
    for array, kind in found.items():
        if "O" in kind:
            problems.add(path, f"{array!r} in {name!r} holds Python objects; save it as an array of numbers or texts")
        elif compared and kind[1:2] not in _NUMBERS:
            problems.add(path, f"{array!r} in {name!r} is of type {kind}, which cannot be compared; save numbers")


def check_artifact_rows(rows: Iterable[Mapping[str, str]], cases: Cases, problems: Problems) -> None:
    """Note runners that do not read the file, and axes that running it does not need."""
    wanted, before = exporters()[FILE_EXPORTER].format, len(problems)
    for at, name in enumerate(cases.runners):
        if name in runners() and runners()[name].reads != wanted:
            problems.add(f"cases.runners[{at}]", f"{name!r} does not read {wanted}, which the [artifact] is")
    if len(problems) > before or not set(cases.runners) <= runners().keys():
        return  # what the runners need is not known before they are
    packages = {package for name in cases.runners for package in runners()[name].packages}
    known = ["python", "numpy", *sorted(packages - {"numpy"})]
    for axis in dict.fromkeys(axis for row in rows for axis in row if axis not in known):
        words = f"running an [artifact] with {', '.join(cases.runners)} does not need it"
        problems.add(join("axes", axis), f"{words}; leave it out (axes: {', '.join(known)})")


def artifact_files(artifact: Artifact, base: Path) -> tuple[Path, list[Path]]:
    """Return the model and the files beside it that belong to it: its weights under the usual names, and those named.

    Args:
        artifact: The checked table.
        base: The folder of the matrix.
    """
    model = base / artifact.model
    usual = [model.name + suffix for suffix in _WEIGHTS if is_file(model.with_name(model.name + suffix))]
    return model, [model.with_name(name) for name in dict.fromkeys([*usual, *artifact.files])]


def artifact_probe(matrix: Matrix, artifact: Artifact) -> Probe:
    """Return the probe that stands for a model without a source: one size for each of its samples."""
    base = Path(matrix.path).parent
    model, files = artifact_files(artifact, base)
    samples = [base / name for name in (*artifact.inputs, *artifact.outputs)]
    table = ProbeTable(
        export_size={SAMPLE: 0},
        run_sizes=tuple({SAMPLE: at} for at in range(1, len(artifact.inputs))),
        exporters=(FILE_EXPORTER,),
        rtol=artifact.rtol,
        atol=artifact.atol,
        compare=artifact.compare,
        nonfinite=True,
    )
    return Probe(
        name=model.stem,
        path=str(model),
        summary=f"{model.name} as it is, on {len(artifact.inputs)} samples.",
        digest=_digest(artifact, [model, *files, *samples]),
        requires_python="",
        dependencies=(),
        row=None,
        **settings(table),
    )


def _digest(artifact: Artifact, files: Sequence[Path]) -> str:
    # Not where the files lie: a moved folder holds the same model.
    table = msgspec.structs.replace(artifact, model="", inputs=(), outputs=(), files=())
    total = hashlib.sha256(msgspec.json.encode(table, order="deterministic"))
    for file in files:
        size = file.stat().st_size
        total.update(f"\0{file.name} {size}\0".encode())
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):  # a model may be larger than memory
                total.update(chunk)
    return total.hexdigest()
