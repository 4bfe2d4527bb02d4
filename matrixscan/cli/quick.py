"""`matrixscan check` without what the other commands need: it answers a hook or an editor, which wait for it.

Its options are read by argparse, whether the command is started at once or found in the list of all commands.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from matrixscan.commands.checking import FORMATS, check
from matrixscan.errors import EXIT_USAGE, MatrixscanError

SUMMARY = "Say what is known of pins: good, bad (with the finding), or untested (with the nearest that was tested)."

_CODES = "exit code: 0 known good, 1 known bad, 5 untested, 2 the question cannot be answered as it was asked"


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = argparse.ArgumentParser(prog="matrixscan check", description=SUMMARY, epilog=_CODES, allow_abbrev=False)
    made.add_argument(
        "pins",
        nargs="+",
        metavar="PINS",
        help="requirements or constraints file, pyproject.toml, pylock.toml, uv.lock, poetry.lock, folder of a virtual "
        "environment, or - for what `pip freeze` prints",
    )
    made.add_argument("--matrix", "-m", action="append", default=[], help="ask this published matrix (repeatable)")
    made.add_argument("--probe", action="append", default=[], help="ask about PROBE or PROBE/VARIANT (repeatable)")
    made.add_argument("--python", help="the Python that is meant, such as 3.11; default: as the pins say, else all")
    made.add_argument("--extra", action="append", default=[], help="an extra that counts too (repeatable)")
    made.add_argument("--format", choices=FORMATS, default=FORMATS[0], dest="form", help="default: %(default)s")
    made.add_argument("--allow-untested", action="store_true", help="end with 0 for untested too")
    made.add_argument("--reports", type=Path, help="folder of published reports; default: reports/")
    return made


def run(arguments: Sequence[str]) -> int:
    """Answer, print, and return the exit code: the worst of several files, bad before untested."""
    asked = parser().parse_args(arguments)
    codes, told = [], []
    together = asked.form == "json" and len(asked.pins) > 1
    try:
        for path in asked.pins:
            outcome = check(
                path,
                asked.matrix,
                asked.probe,
                asked.python,
                extras=asked.extra,
                form=asked.form,
                allow_untested=asked.allow_untested,
                reports=asked.reports,
            )
            if together:
                told.append(outcome.text.rstrip())
            else:
                sys.stdout.write(outcome.text)
            codes.append(outcome.exit_code)
    except MatrixscanError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    except Exception:  # noqa: BLE001  Python would end with 1, which says that the pins are known bad
        traceback.print_exc()
        return EXIT_USAGE
    if together:
        sys.stdout.write("[\n" + ",\n".join(told) + "\n]\n")
    return min(filter(None, codes), default=0)
