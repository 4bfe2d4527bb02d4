"""Where uv is."""

from __future__ import annotations

import functools
import shutil

from matrixscan.errors import ToolMissingError


@functools.cache
def uv() -> str:
    """Return the path of the uv program: the one installed with matrixscan, else the one on PATH.

    Raises:
        ToolMissingError: there is none.
    """
    try:
        from uv import find_uv_bin  # noqa: PLC0415  optional: uv may come from the system instead

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise ToolMissingError("uv", "pip install uv")
    return found
