"""Where the history is: an address of a database, of which no password is ever printed or stored."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from matrixscan.errors import EXIT_INFRASTRUCTURE, MatrixscanError

VARIABLE = "MATRIXSCAN_HISTORY"
FILE = "history.sqlite"  # in the work folder

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
#: What libpq and drivers take beside the user's part, and must not be shown.
_SECRET = re.compile(r"pass|secret|key", re.IGNORECASE)
_EXAMPLES = "a file, sqlite:///history.sqlite, or postgresql://user@host/name"


class HistoryUrlError(MatrixscanError):
    """The address of the history is none. What was given is not repeated: it may hold a password."""

    def __init__(self, why: str) -> None:
        super().__init__(f"history: {why}; give --history or {VARIABLE} {_EXAMPLES}")


class HistoryUnreachableError(MatrixscanError):
    """The database does not answer."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the history {url} cannot be used: {why}; check --history and {VARIABLE}, and the server")


def history_url(given: str | None, work: Path) -> URL:
    """Return where the history is: as given, as the environment says, else a file in the work folder.

    Raises:
        HistoryUrlError: it is no address, or of a database that is not supported.
    """
    text = given or os.environ.get(VARIABLE) or str(work / FILE)
    if not _ADDRESS.match(text):
        return URL.create("sqlite", database=str(Path(text)))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise HistoryUrlError("this is no address of a database") from None
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise HistoryUrlError(f"{url.drivername} is not supported")
    if url.database in {None, "", ":memory:"}:
        raise HistoryUrlError("a database in memory keeps nothing")
    return url.set(drivername="sqlite")


def shown(url: URL) -> str:
    """Return an address that may be printed."""
    query = {name: value for name, value in url.query.items() if not _SECRET.search(name)}
    return url.set(query=query).render_as_string(hide_password=True)


def without_secrets(text: str, url: URL) -> str:
    """Return the words of a driver with nothing in them that only the user is to know."""
    secrets = [str(url.password)] if url.password else []
    for name, value in url.query.items():
        if _SECRET.search(name):
            secrets += [value] if isinstance(value, str) else list(value)
    for secret in secrets:
        for spelled in {secret, quote(secret), quote_plus(secret)} - {""}:
            text = text.replace(spelled, "***")
    return text
