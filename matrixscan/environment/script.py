"""Runs a script in an environment, as a stranger would: nothing of ours in its variables."""

from __future__ import annotations

from pathlib import Path

from matrixscan.environment import process
from matrixscan.environment.clean import tested_environment
from matrixscan.environment.create import Environment
from matrixscan.environment.process import Finished


def run_script(
    environment: Environment, script: Path, home: Path, *, seconds: float, beside: Path | None = None
) -> Finished:
    """Run a script in its own folder to its end.

    Args:
        environment: where.
        script: what.
        home: an empty folder that stands in for the user's home.
        seconds: how long it may take.
        beside: a folder with packages besides those of the environment.
    """
    # What the script leaves beside itself would be sent along.
    variables = tested_environment(environment.scripts, home) | {"PYTHONDONTWRITEBYTECODE": "1"}
    if beside is not None:
        variables["PYTHONPATH"] = str(beside.resolve())
    place = script.resolve()
    return process.run([str(environment.python), str(place)], env=variables, timeout=seconds, cwd=place.parent)
