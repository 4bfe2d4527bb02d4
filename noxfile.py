# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.15",
#     "findpython>=0.6.2",
#     "msgspec>=0.19",
#     "nox[uv]>=2026.4",
#     "numpy>=1.26",
#     "packaging>=26",
#     "pillow>=10.3",
#     "platformdirs>=4.3",
#     "psutil>=6",
#     "pyarrow>=18",
#     "pypi-simple>=1.8",
#     "requests>=2.32",
#     "requests-cache>=1.3",
#     "sqlalchemy>=2.0.30",
#     "tabulate>=0.9",
#     "tomli-w>=1.1",
#     "typer>=0.12",
#     "urllib3>=2.2",
# ]
# ///
"""matrixscan: which PyTorch x ONNX x ONNX Runtime combinations export and run a model correctly.

nox -s scan                               the default matrix
nox -s scan -- matrices/other.toml        another one; add -j auto to scan combinations at once
nox -s scan -- --probe campplus           one probe
nox -s "cell(<id>)"                       one combination
nox -s tests lint harness_tests           the project's own checks
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

HERE = Path(__file__).parent
# Nox does not put the noxfile's folder on the path, and the project is not installed on a fresh machine.
sys.path.insert(0, str(HERE))

import matrixscan.nox

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["scan"]

PYPROJECT = nox.project.load_toml(HERE / "pyproject.toml")

matrixscan.nox.register("matrices/default.toml")


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run the test suite; `-- -m "not slow"` leaves out what builds real environments."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def harness_tests(session: nox.Session) -> None:
    """Run the harness on a real Python 3.8 with torch 1.11 and on the newest Python and torch."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("pytest", "tests/harness", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, types, the floors, and that the harness keeps to Python 3.8."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("vermin", "--target=3.8-", "--violations", "--no-tips", "matrixscan/harness")
    session.run("zizmor", "--offline", "--no-progress", "--pedantic", ".")


@nox.session(default=False, venv_backend="none")
def readme(session: nox.Session) -> None:
    """Write what README.md and pages of docs/ take from the records and known causes; `-- --check` only checks."""
    session.run(sys.executable, "docs/update_readme.py", *session.posargs, external=True)
    session.run(sys.executable, "docs/update_field_reports.py", *session.posargs, external=True)
    session.run(sys.executable, "docs/update_known_causes.py", *session.posargs, external=True)
    session.run(sys.executable, "docs/update_faults.py", *session.posargs, external=True)
    session.run(sys.executable, "docs/update_findings.py", *session.posargs, external=True)
