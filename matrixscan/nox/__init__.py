"""Turns a matrix into Nox sessions, for this project's noxfile and for any other's.

    import matrixscan.nox
    matrixscan.nox.register("matrices/mine.toml")

gives the sessions `cell(<id>)` (one per combination), `scan`, `plan`, `report`, `recommend`, `certify`, `upgrade`,
`lock` and `nightly`. Loading this stays light and offline: Nox starts one child per session in parallel runs and each
of them loads the noxfile.
"""

from __future__ import annotations

import os
import re
import sys
import time

from matrixscan.errors import MatrixscanError
from matrixscan.nox.arguments import SCAN, asks_for, parse, plans_of, selection, split
from matrixscan.nox.decisions import register_certify, register_recommend, register_upgrade
from matrixscan.nox.exits import take_over_exit_code
from matrixscan.nox.sessions import (
    register_broken,
    register_lock,
    register_nightly,
    register_plan,
    register_report,
    register_scan,
)

_SESSIONS = "scan|plan|report|recommend|certify|cell|export_side|run_side"
_UPGRADE = "upgrade"
_LOCK = "lock|nightly"  # they ask an index, and are there whatever the lock says
_LISTING = re.compile(r"-[hrvxNR]*l.*|--list(?:-sessions)?|--json|--usage", re.DOTALL)


def register(matrix: str = "matrices/default.toml", *, prefix: str = "") -> None:
    """Register the sessions of a matrix.

    Args:
        matrix: the matrix to scan unless one is named after `--`, relative to the noxfile.
        prefix: put before the session names, for a noxfile with several matrices.

    A bad matrix or filter ends Nox with exit code 2, an empty selection with 3, before anything is installed; sessions
    that are not ours still run then.
    """
    os.environ.setdefault(SCAN, f"{time.time():.3f}")
    take_over_exit_code()
    own, after = split(sys.argv)
    ours = asks_for(own, prefix, _SESSIONS)
    listing = any(_LISTING.fullmatch(word) for word in own)
    locks = asks_for(own, prefix, _LOCK) and selection(own) is not None
    if listing or (selection(own) is not None and asks_for(own, prefix, _UPGRADE)):
        register_upgrade(prefix, matrix)  # reads what is handed to it by itself
    try:
        arguments = parse(after if ours or locks else [], matrix)
        if locks or listing:  # no keyword that leaves out others shall ask an index
            register_lock(prefix, arguments)
            register_nightly(prefix, arguments)
        plans = plans_of(arguments)
    except MatrixscanError as error:
        if listing or (ours and not locks):
            sys.stderr.write(f"{error}\n")
        if ours and not listing and not locks:
            raise SystemExit(error.exit_code) from None
        register_broken(prefix, error)
        return
    if not ours and not locks:
        # Sessions of ours that run all the same (by -k, say) must not leave out what they were told.
        arguments.unread = after
    register_scan(prefix, arguments, plans)
    register_plan(prefix, arguments)
    register_report(prefix, arguments)
    register_recommend(prefix, arguments)
    register_certify(prefix, arguments)
