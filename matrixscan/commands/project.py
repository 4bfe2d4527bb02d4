"""What helps a project to begin: the schema of matrix files and a starter."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from matrixscan.errors import MatrixFileError, MatrixscanError, UnknownNameError
from matrixscan.matrix import schema
from matrixscan.matrix.artifact import read_artifact
from matrixscan.matrix.problems import Problems
from matrixscan.reporters import _recommended_json
from matrixscan.store.files import write_atomically


def schema_text(of: str = "matrix") -> str:
    """Return the JSON Schema of matrix files, or of recommended.json.

    Raises:
        UnknownNameError: there is no schema of that name.
    """
    known = {"matrix": schema.schema_text, "recommended": _recommended_json.schema_text}
    if of not in known:
        raise UnknownNameError("schema", of, known)
    return known[of]()


class TargetExistsError(MatrixscanError):
    """A file that is to be written is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists and is left as it is; name another with --matrix-out, or move it away")


def write_artifact_matrix(model: str, inputs: Sequence[str], outputs: Sequence[str], target: str) -> list[str]:
    """Write a matrix that runs a model without a source in releases of ONNX Runtime; return what to do next.

    Raises:
        TargetExistsError: there is a file of that name.
        MatrixFileError: the model or a sample cannot be used; every problem is listed.
    """
    file = Path(target)
    if file.exists():
        raise TargetExistsError(file)
    file.parent.mkdir(parents=True, exist_ok=True)  # no path leads through a folder that is not there
    table: dict[str, Any] = {"model": _seen_from(file, model), "inputs": [_seen_from(file, name) for name in inputs]}
    if outputs:
        table["outputs"] = [_seen_from(file, name) for name in outputs]
    problems = Problems()
    read_artifact({"artifact": table}, file.parent, problems)
    if problems.lines:
        raise MatrixFileError(file, problems.lines)
    text = (resources.files("matrixscan") / "starter" / "artifact.toml").read_text(encoding="utf-8")
    # What JSON writes of texts and lists of them, TOML reads.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    write_atomically(file, text.replace("[artifact]\n", "\n".join(["[artifact]", *lines, ""]), 1).encode())
    return [
        f"wrote   {file}",
        f"next    nox -s lock -- {file.stem}   or   python -m matrixscan lock {file}",
        f"then    nox -s scan -- {file}   or   python -m matrixscan scan {file}",
    ]


def _seen_from(matrix: Path, name: str) -> str:
    """Return a path that a user typed as the matrix has to say it."""
    return Path(os.path.relpath(name, matrix.parent)).as_posix()


def init(folder: str) -> list[str]:
    """Write a starter matrix, its schema, a probe and a noxfile; return what was written and what was left alone."""
    starter = resources.files("matrixscan") / "starter"
    texts = {
        "matrices/mine.toml": (starter / "matrix.toml").read_text(encoding="utf-8"),
        "matrices/matrix.schema.json": schema_text(),
        "probes/my_model.py": (starter / "my_model.py.txt").read_text(encoding="utf-8"),
        "noxfile.py": (starter / "noxfile.py.txt").read_text(encoding="utf-8"),
    }
    lines = []
    for name, text in texts.items():
        path = Path(folder) / name
        if path.exists():
            lines.append(f"kept    {path} (it exists)")
            continue
        write_atomically(path, text.encode())
        lines.append(f"wrote   {path}")
    return [*lines, "next    nox -s scan   or   python -m matrixscan scan mine"]
