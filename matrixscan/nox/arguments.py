"""What stands on Nox's command line: which sessions were asked for, and what is handed to ours after `--`."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from matrixscan.errors import MatrixNotFoundError, MatrixscanError, did_you_mean

if TYPE_CHECKING:
    from matrixscan.commands import Request
    from matrixscan.plan.types import Plans

SCAN = "MATRIXSCAN_SCAN"
#: Nox's options that choose sessions, with what is glued to them (`-stests`, `-rs`, `--session=tests`).
_SELECTING = re.compile(r"-[hlrvxNR]*[sekt](.*)|--(?:sessions?|keywords|tags)(?:=(.*))?", re.DOTALL)


class UnknownArgumentsError(MatrixscanError):
    """Something after `--` is neither a matrix nor an option of ours."""

    def __init__(self, words: list[str]) -> None:
        files = Path("matrices").glob("*.toml")
        known = sorted(path.stem for path in files if path.name != "known_causes.toml")
        super().__init__(
            f"unknown after `--`: {' '.join(words)}; {did_you_mean(words[0], known)} (`-- --help` lists more)"
        )


class UnreadArgumentsError(MatrixscanError):
    """Something after `--` was left to other sessions, and one of ours runs all the same."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(f"not read after `--`: {' '.join(words)}; name the session, for example -s scan")


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line at `--`: Nox's part, and what is handed to the sessions."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def asks_for(words: list[str], prefix: str, names: str) -> bool:
    """Return whether one of our sessions was asked for; without -s the noxfile's default may be ours."""
    asked = selection(words)
    name = rf"(?<![\w-]){re.escape(prefix)}(?:{names})(?![\w-])"
    return asked is None or any(re.search(name, word) for word in asked)


def selection(words: list[str]) -> list[str] | None:
    """Return what Nox was told to select, by name, keyword or tag; None where it was told nothing."""
    found: list[str] | None = None
    taking = False
    for word in words[1:]:
        option = _SELECTING.fullmatch(word)
        if option is not None:
            found = [*(found or []), *filter(None, option.groups())]
            taking = True
        elif word.startswith("-"):
            taking = False
        elif taking and found is not None:
            found.append(word)
    environment = os.environ.get("NOXSESSION")
    return environment.split(",") if found is None and environment else found


def parse(arguments: list[str], matrix: str) -> argparse.Namespace:
    """Read what is handed to our sessions.

    Raises:
        MatrixNotFoundError: there is no such matrix.
        UnknownArgumentsError: it is neither a matrix nor an option.
    """
    parser = argparse.ArgumentParser(prog="nox -s scan --", description="Scan a matrix.", allow_abbrev=False)
    parser.add_argument("matrix", nargs="?", default=matrix, help="matrix file, or the name of one in matrices/")
    parser.add_argument("--probe", action="append", default=[], help="run this probe only (name or file; repeatable)")
    parser.add_argument("--exclude", action="append", default=[], help="leave out probes or combinations (glob)")
    parser.add_argument("--fresh", action="store_true", help="ignore earlier records")
    parser.add_argument("--relock", action="store_true", help="resolve again instead of using the locks in reports/")
    parser.add_argument("--keep-env", action="store_true", help="keep the environments under .matrixscan/")
    parser.add_argument("--reclaim", action="store_true", help="delete downloaded wheels when no longer needed")
    parser.add_argument("--joint", action="store_true", help="of a factored matrix: everything in one environment")
    parser.add_argument("--sample", type=float, default=1.0, help="share of the combinations of a joint scan")
    parser.add_argument("--seed", type=int, default=0, help="chooses the sample")
    _add_decisions(parser)
    known, others = parser.parse_known_args(arguments)
    from matrixscan.matrix.reader import find_matrix  # noqa: PLC0415  nothing is read unless register() is called

    try:
        known.matrix = find_matrix(known.matrix)
    except MatrixNotFoundError:
        if known.matrix == matrix or known.matrix.endswith(".toml"):
            raise
        others = [known.matrix, *others]  # as likely a stray word as the name of a matrix
    if others:
        raise UnknownArgumentsError(others)
    known.unread = []
    return known


def _add_decisions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cell", action="append", default=[], help="this combination only (id; repeatable)")
    parser.add_argument("--count", type=int, help="recommend, certify: combinations for each audience")
    parser.add_argument("--no-cache", action="store_true", help="certify: download everything again")
    parser.add_argument("--pins", help="recommend: a file with your own pins; rank by how few of them move")
    parser.add_argument("--python", help="recommend: only for this Python, for example 3.8")
    parser.add_argument("--order", help="recommend: newest, safest or closest")
    parser.add_argument("--budget", help="nightly: for how long environments are begun (90s, 45m, 2h)")
    parser.add_argument("--history", help="nightly: file or address of the history")
    parser.add_argument("--feed", help="nightly: file of the Atom feed")


def plans_of(arguments: argparse.Namespace) -> Plans:
    """Return the plans that are asked for."""
    from matrixscan.plan.load import load_plans  # noqa: PLC0415  nothing is read unless register() is called

    named = {name: getattr(arguments, name) for name in ("exclude", "joint", "sample", "seed")}
    named["cells"] = arguments.cell
    return load_plans(arguments.matrix, Path("reports"), probes=arguments.probe, **named)


def request(arguments: argparse.Namespace) -> Request:
    """Return what a session is asked for.

    Raises:
        UnreadArgumentsError: it runs although its arguments were left to others.
    """
    from matrixscan.commands import Request  # noqa: PLC0415  heavy: only a session that runs needs it
    from matrixscan.execution.task import Options  # noqa: PLC0415

    if arguments.unread:
        raise UnreadArgumentsError(arguments.unread)
    options = Options(
        fresh=arguments.fresh,
        relock=arguments.relock,
        keep_env=arguments.keep_env,
        reclaim=arguments.reclaim or arguments.no_cache,
        scan=os.environ[SCAN],
    )
    return Request(
        str(arguments.matrix),
        tuple(arguments.probe),
        tuple(arguments.exclude),
        tuple(arguments.cell),
        options,
        joint=arguments.joint,
        sample=arguments.sample,
        seed=arguments.seed,
    )
