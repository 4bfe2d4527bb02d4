"""The sessions that turn what was measured into pins."""

from __future__ import annotations

import argparse
import os

import nox

from matrixscan.nox.arguments import SCAN, request
from matrixscan.nox.exits import guarded, show
from matrixscan.nox.sessions import listen


def register_recommend(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the session that ranks what is good."""

    @nox.session(name=f"{prefix}recommend", venv_backend="none", default=False)
    @guarded
    def recommend(session: nox.Session) -> None:
        """Rank the combinations that are good, with reasons; nothing is run or asked."""
        from matrixscan import commands  # noqa: PLC0415  heavy: only a session that runs needs it

        pins = None if arguments.pins is None else commands.read_user_pins(arguments.pins)
        asked = request(arguments)
        wanted = {name: getattr(arguments, name) for name in ("python", "order", "count")}
        show(session, commands.recommend(asked, pins=pins, **wanted))


def register_certify(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the session that makes recommendations of them."""

    @nox.session(name=f"{prefix}certify", venv_backend="none", default=False)
    @guarded
    def certify(session: nox.Session) -> None:
        """Rebuild the best combinations from their locks, run everything again, write what is recommended."""
        from matrixscan import commands  # noqa: PLC0415  see above

        show(session, commands.certify(request(arguments), listen, count=arguments.count))


def register_upgrade(prefix: str, matrix: str) -> None:
    """Register the session that says how far a package can be upgraded; what it is told is no matrix but a file."""

    @nox.session(name=f"{prefix}upgrade", venv_backend="none", default=False)
    @guarded
    def upgrade(session: nox.Session) -> None:
        """Say how far a package can go from a file of pins, in which order, through good combinations alone."""
        from matrixscan import commands  # noqa: PLC0415  see above
        from matrixscan.execution.task import Options  # noqa: PLC0415

        told = _upgrade_words(session.posargs, matrix)
        options = Options(fresh=told.fresh, reclaim=told.reclaim, scan=os.environ[SCAN])
        asked = commands.Request(told.matrix, tuple(told.probe), options=options)
        more = {name: getattr(told, name) for name in ("python", "budget", "pre", "write")}
        pins = commands.parse_pins(told.pin)
        show(session, commands.upgrade_pins(told.file, told.package, asked, listen, more=pins, **more))


def _upgrade_words(words: list[str], matrix: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s upgrade --", allow_abbrev=False)
    parser.add_argument("file", help="requirements, pyproject.toml, a lock, or a virtual environment")
    parser.add_argument("--package", default="torch", help="the package to upgrade")
    parser.add_argument("--matrix", default=matrix, help="matrix whose probes decide")
    parser.add_argument("--probe", action="append", default=[], help="let this probe decide (repeatable)")
    parser.add_argument("--pin", action="append", default=[], help="NAME==VERSION of what the file leaves open")
    parser.add_argument("--python", help="the Python that is meant, like 3.11")
    parser.add_argument("--budget", type=int, default=20, help="combinations to try at most")
    for name in ("pre", "write", "fresh", "reclaim"):
        parser.add_argument(f"--{name}", action="store_true", help="see matrixscan upgrade --help")
    return parser.parse_args(words)
