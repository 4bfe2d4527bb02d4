"""Where uv is."""

from __future__ import annotations

import functools
import shutil
import threading

from matrixscan.errors import ToolMissingError

#: uv's own search reads sysconfig, which shows threads a half-filled table while it is first read (CPython gh-92452).
_ONE_AT_A_TIME = threading.Lock()


def uv() -> str:
    """Return the path of the uv program: the one installed with matrixscan, else the one on PATH.

    Raises:
        ToolMissingError: there is none.
    """
    with _ONE_AT_A_TIME:
        return _uv()


@functools.cache
def _uv() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415  optional: uv may come from the system instead

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise ToolMissingError("uv", "pip install uv")
    return found
