"""The only file that asks a package index. What it learns is kept on disk, and used again where nobody answers."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import platformdirs
import requests
from packaging.utils import canonicalize_name
from pypi_simple import ACCEPT_JSON_PREFERRED, PYPI_SIMPLE_ENDPOINT
from requests_cache.models.response import CachedResponse
from urllib3.exceptions import TimeoutError as TooSlow

from matrixscan.catalog import pages
from matrixscan.catalog.kept import Kept, age
from matrixscan.catalog.pages import Offer, WheelFile
from matrixscan.catalog.selectors import version as parsed
from matrixscan.catalog.session import Sessions
from matrixscan.catalog.types import Release
from matrixscan.catalog.uv_settings import Endpoint, endpoints, is_offline, name_of
from matrixscan.catalog.wheel_metadata import read_metadata, requires_dist
from matrixscan.errors import IndexUnreachableError, NoSuchPackageError

#: Seconds for which an answer is taken without asking again.
FRESH_SECONDS = 600.0
#: Seconds for a connection, and between two parts of an answer.
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
_WORKERS = 8
_NOT_FOUND = (404, 410)
_PARTIAL = 206
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class _Package(NamedTuple):
    """All that the index says of a package."""

    wheels: tuple[WheelFile, ...]
    newest: tuple[str, tuple[str, ...]] | None  # of one version, what it requires


class Index:
    """The package indexes that uv would ask. Use it in a `with` statement.

    Args:
        variables: uv's settings are read from these; the process's by default.
        folder: the project's folder, for uv.toml and pyproject.toml; the current one by default.
        cache: where answers are kept; matrixscan's folder in the user's cache by default.
        fresh: seconds for which an answer is taken without asking again.
        backoff: seconds before the second retry; each further one waits twice as long.
    """

    def __init__(
        self,
        *,
        variables: Mapping[str, str] | None = None,
        folder: Path | None = None,
        cache: Path | None = None,
        fresh: float = FRESH_SECONDS,
        backoff: float = 0.5,
    ) -> None:
        variables = os.environ if variables is None else variables
        self._endpoints = endpoints(variables, (folder or Path()).absolute(), PYPI_SIMPLE_ENDPOINT)
        self.name = name_of(self._endpoints, PYPI_SIMPLE_ENDPOINT)
        cache = cache or platformdirs.user_cache_path("matrixscan") / "catalog"
        self._kept = Kept(cache / "requires")
        self._timeout = (CONNECT_SECONDS, _seconds(variables.get("UV_HTTP_TIMEOUT"), READ_SECONDS))
        self._sessions = Sessions(
            self._endpoints,
            cache,
            variables=variables,
            offline=is_offline(variables),
            fresh=fresh,
            backoff=backoff,
        )
        self._packages: dict[str, _Package | None] = {}  # None: no index has it
        self._notes: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and what is kept."""
        self._sessions.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user has to know of the answers so far: which are old, and what is missing."""
        return tuple(sorted(set(self._notes)))

    def releases(self, names: Collection[str], *, absent: bool = False) -> dict[str, tuple[Release, ...]]:
        """Return package -> its releases that have wheels, ascending, without what they require.

        Args:
            names: canonical names.
            absent: a package that no index has is left out of the answer.

        Raises:
            NoSuchPackageError: no index has one of the packages, and `absent` is not set.
            IndexUnreachableError: an index does not answer and did not earlier.
        """
        found = self._described(names)
        missing = [name for name, package in found.items() if package is None]
        if missing and not absent:
            raise NoSuchPackageError(missing[0])
        return {name: pages.releases_of(package.wheels) for name, package in found.items() if package is not None}

    def requires(self, wanted: Mapping[str, Collection[str]]) -> dict[str, dict[str, tuple[str, ...] | None]]:
        """Return package -> version -> what it requires, without extras; None where nobody says.

        Args:
            wanted: package -> versions.

        Raises:
            IndexUnreachableError: an index does not answer and did not earlier.
        """
        self._described(wanted)
        asked = [(name, version) for name, versions in wanted.items() for version in versions]
        answers = dict(zip(asked, _each(lambda pair: self._requires(*pair), asked), strict=True))
        return {name: {version: answers[name, version] for version in versions} for name, versions in wanted.items()}

    def offers(self, wanted: Mapping[str, Collection[str]]) -> dict[str, Offer | None]:
        """Return package -> the wheels with these digests, of the first index that has any; None where none has.

        Args:
            wanted: canonical name -> SHA-256 digests.

        Raises:
            IndexUnreachableError: an index does not answer and did not earlier.
        """
        names = list(wanted)
        return dict(zip(names, _each(lambda name: self._offer(name, set(wanted[name])), names), strict=True))

    def _offer(self, name: str, digests: Collection[str]) -> Offer | None:
        for endpoint in self._endpoints:
            package = self._described_at(name, endpoint)
            found = tuple(wheel for wheel in package.wheels if wheel.sha256 in digests) if package else ()
            if found:
                return Offer(endpoint.url, found)
        return None

    def _described(self, names: Iterable[str]) -> dict[str, _Package | None]:
        missing = sorted(set(names) - set(self._packages))
        self._packages |= dict(zip(missing, _each(self._describe, missing), strict=True))
        return {name: self._packages[name] for name in names}

    def _describe(self, name: str) -> _Package | None:
        found = (self._described_at(name, endpoint) for endpoint in self._endpoints)
        return next((package for package in found if package is not None), None)

    def _described_at(self, name: str, endpoint: Endpoint) -> _Package | None:
        answer = self._page(name, endpoint.url + canonicalize_name(name) + "/")
        if answer is None:
            return None
        try:
            wheels = pages.read_page(name, answer.headers.get("Content-Type", ""), answer.content, answer.url)
        except ValueError as error:
            raise IndexUnreachableError(name, str(error).splitlines()[0]) from None
        legacy = self._legacy(name, endpoint) if pages.lacks_facts(wheels) else {}
        return _Package(pages.fill(wheels, legacy), pages.newest_requires(legacy))

    def _page(self, name: str, url: str) -> requests.Response | None:
        """Return an answer, or None where the index has none to this.

        Raises:
            IndexUnreachableError: it does not answer and did not earlier.
        """
        try:
            answer = self._sessions.kept.get(url, headers={"Accept": ACCEPT_JSON_PREFERRED}, timeout=self._timeout)
        except requests.RequestException as error:
            raise IndexUnreachableError(name, _words(error)) from None
        self._note_age(name, answer)
        if answer.status_code in _NOT_FOUND:
            return None
        if not answer.ok:
            raise IndexUnreachableError(name, f"status {answer.status_code}")
        return answer

    def _note_age(self, name: str, answer: requests.Response) -> None:
        if isinstance(answer, CachedResponse) and answer.is_expired and not answer.revalidated:
            self._note(f"{name}: the index does not answer; what it said {age(answer.created_at)} ago is used")

    def _note(self, text: str) -> None:
        with self._lock:
            self._notes.append(text)

    def _legacy(self, name: str, endpoint: Endpoint) -> Mapping[str, Any]:
        """Return the JSON beside a simple API; nothing where there is none."""
        root = endpoint.url.removesuffix("simple/")
        if root == endpoint.url:
            return {}
        try:
            answer = self._page(name, f"{root}pypi/{canonicalize_name(name)}/json")
            found = {} if answer is None else answer.json()
        except (IndexUnreachableError, ValueError):
            self._note(f"{name}: the index's JSON does not answer; dates, sizes and Pythons may be missing")
            return {}
        return found if isinstance(found, dict) else {}

    def _requires(self, name: str, version: str) -> tuple[str, ...] | None:
        package = self._packages[name]
        wheels = [wheel for wheel in package.wheels if wheel.version == version] if package else []
        if package is None or not wheels:
            return None
        wheel = min(wheels, key=_preference)
        # Files never change, so what one requires is kept for ever.
        key = wheel.sha256 or wheel.url
        found = self._kept.read(key)
        if found is None:
            found = self._from_file_beside(wheel)
            if found is None and package.newest and parsed(package.newest[0]) == parsed(version):
                return package.newest[1]
            found = self._from_ranges(wheel) if found is None else found
            if found is None:
                self._note(f"{name}: the index does not say what some releases require")
                return None
            self._kept.write(key, found)
        return pages.without_extras(found)

    def _from_file_beside(self, wheel: WheelFile) -> tuple[str, ...] | None:
        if not wheel.announced:
            return None
        try:
            answer = self._sessions.plain.get(f"{wheel.url}.metadata", timeout=self._timeout)
        except requests.RequestException:
            return None
        return requires_dist(answer.content) if answer.ok else None

    def _from_ranges(self, wheel: WheelFile) -> tuple[str, ...] | None:
        try:
            return requires_dist(read_metadata(functools.partial(self._range, wheel.url)))
        except (requests.RequestException, ValueError, OSError):
            return None

    def _range(self, url: str, first: int | None, last: int) -> tuple[bytes, int]:
        asked = f"bytes=-{last}" if first is None else f"bytes={first}-{last}"
        headers = {"Range": asked, "Accept-Encoding": "identity"}
        with self._sessions.plain.get(url, headers=headers, timeout=self._timeout, stream=True) as answer:
            size = answer.headers.get("Content-Range", "").rpartition("/")[2]
            # Anything else would send the whole wheel.
            if answer.status_code != _PARTIAL or not size.isdecimal():
                raise ValueError("the server does not send parts of files")
            return answer.content, int(size)


def _each(function: Callable[[_Item], _Found], items: Sequence[_Item]) -> list[_Found]:
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(function, items))


def _preference(wheel: WheelFile) -> tuple[bool, bool, str]:
    """Order wheels of one release the same everywhere: of Linux, else of any system, then by name."""
    tags = wheel.tags
    return not ("linux" in tags and "x86_64" in tags), not tags.endswith("any"), wheel.filename


def _words(error: requests.RequestException) -> str:
    """Name an error without its address."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.Timeout) or isinstance(reason, TooSlow):
        return "no answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__


def _seconds(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        return default
