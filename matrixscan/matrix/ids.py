"""The readable, unique and stable name of a combination. `plan.ids` offers it to the rooms above."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

MAX_LENGTH = 80
_FIRST = ("python", "torch", "onnx", "onnxruntime")
_SHORT = {"python": "py", "onnxruntime": "ort"}
_PLAIN_VERSION = re.compile(r"[0-9][a-z0-9.+]*")
_COMPACT_PYTHON = re.compile(r"([0-9])\.([0-9]+)")


def combination_id(axes: Mapping[str, str]) -> str:
    """Return the id of a combination, for example `py38-torch1.11.0-onnx1.14.1-ort1.16.1`.

    Distinct axes give distinct ids: canonical names hold no underscore, versions hold no hyphen, so a
    hyphen always ends an axis and a double underscore always ends a name that could run into its version.
    """
    names = sorted(axes, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    full = "-".join(_label(name) + _version(name, axes[name]) for name in names)
    readable = re.sub(r"[^A-Za-z0-9._+-]", "_", full)
    plain = readable == full and all(_PLAIN_VERSION.fullmatch(axes[name]) for name in names)
    if plain and len(full) <= MAX_LENGTH:
        return full
    # Beyond the plain alphabet the readable part may be ambiguous, so these ids carry the digest too.
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{readable[: MAX_LENGTH - 9]}-{digest}"


def _label(name: str) -> str:
    label = _SHORT.get(name, name.replace("-", "_"))
    ambiguous = name in _SHORT.values() or name[-1:].isdigit()
    return label + "__" if ambiguous else label


def _version(axis: str, version: str) -> str:
    compact = _COMPACT_PYTHON.fullmatch(version) if axis == "python" else None
    return "".join(compact.groups()) if compact else version
