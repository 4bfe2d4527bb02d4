"""One file a format: NAME, SUFFIX and `render(view) -> str`, a pure function.

NAME + SUFFIX is the file the text belongs in (`table` + `.md`), and what a user calls the format.
A file whose name starts with an underscore is a helper.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from matrixscan.errors import MatrixscanError

__all__ = ["ReporterFileError", "all_reporters"]


class ReporterFileError(MatrixscanError):
    """A reporter's file cannot be used."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"reporter {file}: {why}; correct or remove the file")


def all_reporters() -> dict[str, ModuleType]:
    """Return file name (`results.json`, `table.md`, ...) -> reporter, sorted.

    Raises:
        ReporterFileError: A file does not import, lacks a part, or writes the file of another one.
    """
    found: dict[str, ModuleType] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if info.name.startswith("_"):
            continue
        module = _load(info.name)
        name = f"{module.NAME}{module.SUFFIX}"
        if name in found:
            other = found[name].__name__.rpartition(".")[2]
            raise ReporterFileError(f"{info.name}.py", f"{name!r} is already written by {other}.py")
        found[name] = module
    return dict(sorted(found.items()))


def _load(name: str) -> ModuleType:
    file = f"{name}.py"
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except Exception as error:
        raise ReporterFileError(file, f"does not import: {type(error).__name__}: {error}") from error
    for part in ("NAME", "SUFFIX"):
        if not isinstance(getattr(module, part, None), str):
            raise ReporterFileError(file, f"{part} is missing or not a text")
    if not callable(getattr(module, "render", None)):
        raise ReporterFileError(file, "has no function render(view)")
    return module
