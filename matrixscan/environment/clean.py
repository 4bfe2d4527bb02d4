"""What child processes may see of ours: for the tools as little as they need, for code under test next to nothing."""

from __future__ import annotations

import os
from pathlib import Path

#: Variables that would make uv or Python look at another environment than the one meant, or choose other versions.
_MISLEADING = (
    "VIRTUAL_ENV",
    "UV_PYTHON",
    "UV_PROJECT_ENVIRONMENT",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_REQUIRE_HASHES",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
    "UV_TORCH_BACKEND",
    "UV_NO_BINARY",
)
_MISLEADING_PREFIXES = ("PYTHON", "CONDA", "NOX_")

#: All that code under test gets from the outside.
_HARMLESS = ("LANG", "LC_ALL", "TZ", "SYSTEMROOT", "WINDIR", "NUMBER_OF_PROCESSORS")


def tool_environment() -> dict[str, str]:
    """Return the variables for uv: the user's index, proxy and certificate settings stay in force."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _MISLEADING and not name.startswith(_MISLEADING_PREFIXES)
    } | {"NO_COLOR": "1", "UV_NO_PROGRESS": "1"}


def tested_environment(scripts: Path, home: Path) -> dict[str, str]:
    """Return the variables for code under test: a home of its own, no user settings, no secrets.

    Args:
        scripts: the environment's folder of programs.
        home: an empty folder that stands in for the user's home and for temporary files.
    """
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
    place = os.fspath(home)
    return {
        "LC_ALL": "C.UTF-8",
        **kept,
        "PATH": os.pathsep.join([os.fspath(scripts), os.defpath]),
        "HOME": place,
        "USERPROFILE": place,
        "TMPDIR": place,
        "TEMP": place,
        "TMP": place,
    }
