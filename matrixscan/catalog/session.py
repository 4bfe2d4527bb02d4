"""The HTTP sessions of `index`: retries, what is kept on disk, and credentials that go to their own host only."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_netrc_auth
from requests_cache import CachedSession
from requests_cache.backends.base import BaseCache
from requests_cache.backends.sqlite import SQLiteCache
from urllib3.util import Retry

from matrixscan.catalog.uv_settings import Endpoint

#: Kept answers: "there is none" is one as well. Anything else is an error, for which a kept answer stands in.
_ANSWERS = (200, 404, 410)
_RETRIED = (429, 500, 502, 503, 504)


class Sessions:
    """One session that keeps what it gets, and one for parts of files, which keeps nothing."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        cache: Path,
        *,
        variables: Mapping[str, str],
        offline: bool,
        fresh: float,
        backoff: float,
    ) -> None:
        # They would print addresses, with a traceback, where an answer kept earlier is all that is needed.
        for name in ("requests_cache", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.kept = CachedSession(
            backend=_backend(cache),
            expire_after=fresh,
            stale_if_error=True,
            allowable_codes=_ANSWERS,
            match_headers=["Accept"],
        )
        self.plain = requests.Session()
        for session in (self.kept, self.plain):
            _set_up(session, _Credentials(endpoints), variables, offline=offline, backoff=backoff)

    def close(self) -> None:
        """Close both."""
        self.kept.close()  # type: ignore[no-untyped-call]  # the library leaves it bare
        self.plain.close()


def _set_up(
    session: requests.Session, auth: AuthBase, variables: Mapping[str, str], *, offline: bool, backoff: float
) -> None:
    retry = Retry(
        total=4,
        connect=1,
        read=1,
        status=4,
        backoff_factor=backoff,
        status_forcelist=_RETRIED,
        allowed_methods=("GET",),
        raise_on_status=False,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Offline() if offline else HTTPAdapter(max_retries=retry, pool_maxsize=16))
    session.auth = auth
    if variables.get("SSL_CERT_FILE") and not variables.get("REQUESTS_CA_BUNDLE"):
        session.verify = variables["SSL_CERT_FILE"]  # as uv does


def _backend(cache: Path) -> BaseCache:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        backend = SQLiteCache(cache / "pages.sqlite", serializer="json", wal=True)
        len(backend.responses)
    except (OSError, sqlite3.Error):  # a cache is a help, never a condition
        return BaseCache()
    return backend


class _Offline(HTTPAdapter):
    """Answers nothing, so that what was kept has to do."""

    def send(self, *_args: object, **_more: object) -> NoReturn:
        raise requests.ConnectionError("offline")


class _Credentials(AuthBase):
    """The credentials of each index for its own host, else those of netrc; a file's host gets nobody's."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._known = {
            urlsplit(endpoint.url).netloc: (endpoint.user, endpoint.password)
            for endpoint in endpoints
            if endpoint.user or endpoint.password
        }

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = str(request.url)
        found = self._known.get(urlsplit(url).netloc) or get_netrc_auth(url)
        return HTTPBasicAuth(*found)(request) if found else request
