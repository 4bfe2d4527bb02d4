"""Takes what identifies a machine, a person or an index out of texts that are published."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

#: Index and file addresses, and pages that only an index has; addresses of documentation stay.
_INDEX = re.compile(
    r"(?:https?|file)://[^\s`'\"<>)]*?(?:/simple|/packages/|/whl|/pypi|\.whl|files\.)[^\s`'\"<>)]*|file://[^\s`'\"<>)]+"
)
#: Addresses with a user name or a password in them are nobody's documentation.
_LOGIN = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/@`'\"<>]+@[^\s`'\"<>)]*")
#: Settings of uv that name indexes.
_INDEX_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_INDEX_NAME = re.compile(r"^[\w-]+=")
#: Absolute paths below well-known roots. Node names of ONNX graphs look like paths too, so not every slash counts.
_PATH = re.compile(
    r"(?<![\w<>/.])/(?:bin|build|croot|data|etc|home|lib|lib64|media|mnt|nix|opt|private|proc|pytorch|root|run|snap|srv"
    r"|storage|sys|tmp|usr|var|work|workspace|Users|Volumes|onnxruntime_src|__w|github)(?:/[^\s:'\"`,;()\[\]<>]+)*"
)
#: Any absolute path of a source file, wherever a wheel was built.
_SOURCE = re.compile(
    r"(?<![\w<>/.])/(?:[^\s:'\"`,;()\[\]<>/]+/)+([^\s:'\"`,;()\[\]<>/]+\.(?:py|pyx|c|cc|cpp|cu|cuh|h|hpp|so[.\d]*))\b"
)
_WINDOWS = re.compile(r"\b[A-Za-z]:\\(?:[^\s:'\"`,;()\[\]<>\\]+\\)*([^\s:'\"`,;()\[\]<>\\]*)")
#: Fields of a record that hold other people's words.
_FOREIGN = {"error", "log", "facts", "platform", "summary", "license"}
#: Names that say nothing about who or where.
_SHORTEST_NAME = 3
_COMMON = {
    "root",
    "user",
    "runner",
    "localhost",
    "ubuntu",
    "debian",
    "python",
    "torch",
    "onnx",
    "test",
    "build",
    "admin",
}


class Redactor:
    """Replaces known folders by their name and whatever else looks like a place by `<path>/basename`."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Prepare for texts in which `folders` (label -> folder) may occur; longer folders win."""
        places = [(os.fspath(place), f"<{label}>") for label, place in folders.items()]
        places += [(os.path.realpath(place), f"<{label}>") for label, place in folders.items()]
        places.append((os.fspath(Path.home()), "<home>"))
        labels = {folder: label for folder, label in reversed(places) if len(folder) > 1}  # the first label wins
        self._places = [(_place(folder), labels[folder]) for folder in sorted(labels, key=len, reverse=True)]
        settings = " ".join(os.environ.get(name, "") for name in _INDEX_SETTINGS)
        indexes = {_INDEX_NAME.sub("", word).rstrip("/") for word in settings.replace(",", " ").split()}
        self._indexes = [re.compile(re.escape(url) + r"[^\s`'\"<>)]*") for url in sorted(indexes - {""}, reverse=True)]
        names = {"<host>": socket.gethostname(), "<user>": _user()}
        self._names = [
            (re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w])"), label)
            for label, name in names.items()
            if len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON
        ]

    def text(self, text: str) -> str:
        """Return `text` without paths, users, hosts and index addresses."""
        for address in (*self._indexes, _LOGIN, _INDEX):
            text = address.sub("<index>", text)
        for place, label in self._places:
            text = place.sub(label, text)
        text = _SOURCE.sub(r"<path>/\1", text)
        text = _PATH.sub(lambda match: "<path>/" + match.group().rpartition("/")[2], text)
        text = _WINDOWS.sub(r"<path>/\1", text)
        for pattern, label in self._names:
            text = pattern.sub(label, text)
        return text

    def value(self, value: Any) -> Any:
        """Redact every text of a JSON-like value; keys are ours and stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def record(self, value: Any, *, also: Collection[str] = ()) -> Any:
        """Redact what others wrote into a record; a user called `cpu` or `default` must not change our own words.

        Args:
            value: a record as plain values.
            also: fields with others' words, besides those of every record.
        """
        if isinstance(value, Mapping):
            foreign = _FOREIGN | set(also)
            return {k: self.value(item) if k in foreign else self.record(item, also=also) for k, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.record(item, also=also) for item in value]
        return value


def _place(folder: str) -> re.Pattern[str]:
    """Return what finds a folder; one directly below the root is a word, and words occur in names of graph nodes."""
    start = r"(?<![\w.])" if folder.count(os.sep) == 1 else ""
    return re.compile(start + re.escape(folder) + r"(?!\w)")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return ""
