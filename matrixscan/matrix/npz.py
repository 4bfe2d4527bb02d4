"""What an .npz file holds, by its headers alone: the arrays of a large model's samples are not read, and NumPy neither.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path

_MAGIC = b"\x93NUMPY"
_WIDE_HEADERS = 2  # since this version of the format the length of the header takes four bytes
_SUFFIX = ".npy"


def array_types(file: Path) -> dict[str, str]:
    """Return the arrays of an .npz file by name, each with its type as NumPy writes it (`<f4`).

    Raises:
        ValueError: The file is something else; the text says what.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return {name.removesuffix(_SUFFIX): _type(archive, name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ValueError(f"is not an .npz file ({error})") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or error})") from None


def _type(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as member:
        head = member.read(len(_MAGIC) + 2)
        if not name.endswith(_SUFFIX) or head[: len(_MAGIC)] != _MAGIC:
            message = f"is not an .npz file ({name} in it is no array)"
            raise ValueError(message)
        length = int.from_bytes(member.read(4 if head[len(_MAGIC)] >= _WIDE_HEADERS else 2), "little")
        try:
            return str(ast.literal_eval(member.read(length).decode("utf-8").strip())["descr"])
        except (SyntaxError, ValueError, KeyError, TypeError):
            message = f"is not an .npz file (the header of {name} cannot be read)"
            raise ValueError(message) from None
