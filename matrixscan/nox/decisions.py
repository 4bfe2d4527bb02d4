"""The sessions that turn what was measured into pins."""

from __future__ import annotations

import argparse

import nox

from matrixscan.nox.arguments import request
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
