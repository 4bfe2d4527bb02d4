"""Where the user's uv looks for packages, by its variables and files: environments come from there, so facts do too."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from matrixscan.errors import IndexSettingsError

_NAMED = re.compile(r"([A-Za-z0-9_.-]+)=(.+)")
_TRUE = ("1", "true", "yes", "on", "y", "t")


class Endpoint(msgspec.Struct, frozen=True):
    """A package index with the simple API."""

    url: str  # ends with a slash, holds no credentials
    user: str = ""
    password: str = ""


def endpoints(variables: Mapping[str, str], folder: Path, default: str) -> tuple[Endpoint, ...]:
    """Return the indexes uv would ask, in its order: the first that has a package is the one that counts.

    Args:
        variables: of the process.
        folder: where uv would be started.
        default: the address used where the settings name no default index.

    Raises:
        IndexSettingsError: a settings file cannot be read, or an index is not reached over HTTP.
    """
    tables = list(_tables(variables, folder))
    listed = [index for table in tables for index in table.get("index", ()) if _asked(index)]
    more = [*variables.get("UV_INDEX", "").split(), *variables.get("UV_EXTRA_INDEX_URL", "").split()]
    more += [_written(index) for index in listed if not index.get("default")]
    more += [url for table in tables for url in table.get("extra-index-url", ())]
    mains = [variables.get("UV_DEFAULT_INDEX", ""), variables.get("UV_INDEX_URL", "")]
    mains += [_written(index) for index in listed if index.get("default")]
    mains += [table.get("index-url", "") for table in tables]
    main = next(filter(None, mains), default)
    found = [_endpoint(text, variables) for text in [*more, main]]
    return tuple(dict.fromkeys(found))


def is_offline(variables: Mapping[str, str]) -> bool:
    """Tell whether the user told uv to stay off the network."""
    return variables.get("UV_OFFLINE", "").lower() in _TRUE


def name_of(found: tuple[Endpoint, ...], default: str) -> str:
    """Return a name that tells indexes apart and says no address: "default", or "custom-" and a digest."""
    if [endpoint.url for endpoint in found] == [_endpoint(default, {}).url]:
        return "default"
    text = "\n".join(endpoint.url for endpoint in found)
    return "custom-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _asked(index: Mapping[str, Any]) -> bool:
    """Leave out what is meant for single packages (explicit) and what is no simple API (flat)."""
    return "url" in index and not index.get("explicit") and index.get("format", "simple") == "simple"


def _written(index: Mapping[str, Any]) -> str:
    return f"{index['name']}={index['url']}" if "name" in index else str(index["url"])


def _endpoint(text: str, variables: Mapping[str, str]) -> Endpoint:
    named = _NAMED.fullmatch(text) if "://" not in text.partition("=")[0] else None
    name, url = (named[1], named[2]) if named else ("", text)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise IndexSettingsError(f"index {name or parts.scheme or 'without a scheme'!r} is not reached over HTTP")
    key = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    user = unquote(parts.username or "") or (variables.get(f"{key}_USERNAME", "") if name else "")
    password = unquote(parts.password or "") or (variables.get(f"{key}_PASSWORD", "") if name else "")
    host = parts.netloc.rpartition("@")[2]
    return Endpoint(urlunsplit((parts.scheme, host, parts.path.rstrip("/") + "/", "", "")), user, password)


def _tables(variables: Mapping[str, str], folder: Path) -> Iterator[Mapping[str, Any]]:
    """Give uv's settings, the nearest first: of the project, of the user, of the system."""
    if variables.get("UV_CONFIG_FILE"):
        yield _load(Path(variables["UV_CONFIG_FILE"]))
        return
    if variables.get("UV_NO_CONFIG", "").lower() in _TRUE:
        return
    for place in (folder, *folder.parents):
        table = _project_table(place)
        if table is not None:
            yield table
            break
    home = Path(variables.get("XDG_CONFIG_HOME") or Path(variables.get("HOME") or Path.home(), ".config"))
    system = [Path(entry) for entry in variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if entry]
    system_files = [entry / "uv" / "uv.toml" for entry in system] + [Path("/etc/uv/uv.toml")]
    yield _load(home / "uv" / "uv.toml")
    yield _load(next((file for file in system_files if file.is_file()), system_files[-1]))


def _project_table(place: Path) -> Mapping[str, Any] | None:
    if (place / "uv.toml").is_file():
        return _load(place / "uv.toml")
    table = _load(place / "pyproject.toml").get("tool", {}).get("uv")
    return table if isinstance(table, dict) else None


def _load(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError) as error:
        raise IndexSettingsError(f"{file.name} of uv cannot be read: {error}") from None
