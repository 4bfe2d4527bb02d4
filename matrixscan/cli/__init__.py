"""The command line: the only place that prints and exits, besides the sessions in nox.py.

A command is a function of one of these modules; the order here is that of `--help`.
"""

from matrixscan.cli import authoring, bisecting, failing, scanning, sharding
from matrixscan.cli.common import app, main

__all__ = ["app", "authoring", "bisecting", "failing", "main", "scanning", "sharding"]
