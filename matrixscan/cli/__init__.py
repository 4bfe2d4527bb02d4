"""The command line: the only place that prints and exits, besides the sessions in nox.py.

A command is a function of one of these modules; the order here is that of `--help`. They are imported when they are
used: what they need takes longer to import than a check of pins takes to answer.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import TYPE_CHECKING, Any

from matrixscan.errors import EXIT_USAGE

if TYPE_CHECKING:
    from matrixscan.cli.common import app

__all__ = ["app", "main"]

_MODULES = (
    "authoring",
    "bisecting",
    "checking",
    "explaining",
    "failing",
    "recommending",
    "scanning",
    "sharding",
    "upgrading",
    "watching",
)

#: A command that starts without the others.
_QUICK = "check"


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == [_QUICK]:
        sys.exit(_quickly(sys.argv[2:]))
    _load().main()


def _quickly(arguments: list[str]) -> int:
    try:
        from matrixscan.cli.quick import run  # noqa: PLC0415  see above
    except Exception:  # noqa: BLE001  a broken installation would end with 1, which says that the pins are known bad
        traceback.print_exc()
        return EXIT_USAGE
    return run(arguments)


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _load().app


def _load() -> Any:
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    return importlib.import_module(f"{__name__}.common")
