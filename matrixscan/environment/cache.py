"""A cache of uv's of our own, for scans whose wheels would fill the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_VARIABLE = "UV_CACHE_DIR"


@contextlib.contextmanager
def passing_cache(folder: Path) -> Iterator[None]:
    """Let uv keep what it downloads in `folder`, and delete that in the end; the user's own cache is left alone."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = os.fspath(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
        shutil.rmtree(folder, ignore_errors=True)
