"""Decides whether torch comes from its CPU builds or from the default index."""

from __future__ import annotations

import functools
import re

from matrixscan.environment import process
from matrixscan.environment.clean import tool_environment
from matrixscan.environment.lock import UNREACHABLE
from matrixscan.environment.uv import uv

_UNREACHABLE = re.compile(UNREACHABLE, re.IGNORECASE)


def choose_torch_index(setting: str) -> str:
    """Return "cpu" or "pypi" for the matrix's `[index] torch`; `auto` asks whether the CPU builds can be reached."""
    return _reachable() if setting == "auto" else setting


@functools.cache
def _reachable() -> str:
    environment = tool_environment() | {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10"}
    asked = process.run(
        [uv(), "pip", "compile", "-", "--quiet", "--no-deps", "--no-header", "--torch-backend", "cpu"],
        env=environment,
        timeout=60.0,
        text="torch\n",
    )
    unreachable = asked.timed_out or (asked.returncode != 0 and _UNREACHABLE.search(asked.words))
    return "pypi" if unreachable else "cpu"
