"""Resolves requirements together into one hash-pinned requirements file that names no index."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from matrixscan.environment import process
from matrixscan.environment.clean import tool_environment
from matrixscan.environment.uv import uv

_RESOLVE_SECONDS = 300.0
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_ENTRY = re.compile(r"^[^\s#][^\n]*(?:\n[ \t][^\n]*)*\n", re.MULTILINE)
_WHOLE_ENTRY = re.compile(r"[^\s#][^\n]*?(?: \\\n[ \t]+--hash=sha256:[0-9a-f]{64})+\n")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_HEADER = re.compile(r"^# matrixscan-(\w+): (.*)$", re.MULTILINE)

#: Words of uv that say nothing about packages, only about the network.
UNREACHABLE = (
    r"error sending request|dns error|Connection (?:refused|reset|closed)|connect error|timed out|Failed to fetch"
    r"|Request failed"
)

#: How the words of a failed resolution are read. The first pattern found decides; order is from special to general.
_FAILURES = (
    ("infra", "IndexUnreachable", UNREACHABLE),
    ("infra", "IndexRefused", r"lack of valid authentication|returned a \d{3} |HTTP status (?:client|server) error"),
    ("infra", "Offline", r"network was disabled|was not found in the cache"),
    # What was left out may be what is missing, or its index gives no dates: nothing is proven.
    ("infra", "FilteredByDate", r"was filtered by `exclude-newer"),
    ("infeasible", "NoWheel", r"no wheels|no usable wheels|no matching (?:platform|Python|ABI)|has no wheels"),
    ("infeasible", "NoSuchRelease", r"there (?:is|are) no versions? of|was not found in the package registry"),
    ("infeasible", "ResolverConflict", r"No solution found|unsatisfiable|conflict"),
)


#: Failures that an index could have mended since it was asked last.
_OF_AN_OLD_ANSWER = frozenset({"NoSuchRelease", "NoWheel"})


class LockFile(msgspec.Struct, frozen=True):
    """A resolved set of packages. `text` is a requirements file with hashes."""

    text: str
    inputs: str  # digest of what was asked
    torch_index: str

    @property
    def sha256(self) -> str:
        """Digest of the whole text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def packages(self) -> dict[str, str]:
        """Pinned versions by normalised name."""
        return {canonicalize_name(name): version for name, version in _PIN.findall(self.text)}

    @property
    def hashes(self) -> dict[str, tuple[str, ...]]:
        """SHA-256 digests of the files that may be installed, by normalised name."""
        entries = ((_PIN.match(entry), _HASH.findall(entry)) for entry in _ENTRY.findall(self.text))
        return {canonicalize_name(pin.group(1)): tuple(found) for pin, found in entries if pin}

    def without(self, packages: Collection[str]) -> LockFile:
        """Return the lock less the entries of packages that are there already."""

        def keep(entry: re.Match[str]) -> str:
            pin = _PIN.match(entry.group())
            return "" if pin and canonicalize_name(pin.group(1)) in packages else entry.group()

        return msgspec.structs.replace(self, text=_ENTRY.sub(keep, self.text))


class ResolutionError(Exception):
    """The requirements cannot be resolved; the text is the resolver's."""

    def __init__(self, outcome: str, kind: str, words: str) -> None:
        super().__init__(words)
        self.outcome, self.kind = outcome, kind


def inputs_digest(
    requirements: Sequence[str], python: str, constraints: Mapping[str, str] | None = None, as_of: str | None = None
) -> str:
    """Return the digest of what a lock answers; locks are of one system and machine type."""
    asked = [*requirements, python, platform.system(), platform.machine(), repr(sorted((constraints or {}).items()))]
    asked += [as_of] if as_of else []
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:32]


def read_lock(path: Path) -> LockFile | None:
    """Read a lock written earlier, or None where there is none that is whole and says what it answers."""
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    # Installing a damaged lock would fail and be taken for a finding about the packages.
    if not text.endswith("\n") or not all(map(_WHOLE_ENTRY.fullmatch, _ENTRY.findall(text))):
        return None
    header = dict(_HEADER.findall(text))
    if not {"inputs", "torch"} <= header.keys():
        return None
    return LockFile(text, header["inputs"], header["torch"])


def resolve(
    requirements: Sequence[str],
    *,
    interpreter: Path,
    python: str,
    torch_index: str,
    title: str,
    constraints: Mapping[str, str] | None = None,
    no_deps: bool = False,
    as_of: str | None = None,
) -> LockFile:
    """Resolve `requirements` together, wheels only.

    Args:
        requirements: PEP 508 strings.
        interpreter: the interpreter to resolve for.
        python: its version as the matrix says it.
        torch_index: "cpu" for torch's own CPU builds, "pypi" for the default index.
        title: what the lock is for; stands in its head.
        constraints: versions that must not move, by name.
        no_deps: take the requirements alone.
        as_of: a date, YYYY-MM-DD; packages that the requirements do not name are taken as they were then.

    Raises:
        ResolutionError: with the resolver's words and the outcome they amount to.
    """
    pins = "".join(f"{name}=={version}\n" for name, version in (constraints or {}).items())
    command = [uv(), "pip", "compile", "-", "--quiet", "--generate-hashes", "--only-binary", ":all:"]
    command += ["--python", str(interpreter), "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--no-header", *torch_backend(torch_index), *(["--no-deps"] if no_deps else [])]
    command += _as_of(requirements, as_of)
    # Constraints as requirements of the same input would be installed too; uv reads them from a file only.
    with _constraints_file(pins) as extra:
        text = "\n".join(requirements) + "\n"
        try:
            done = _compile([*command, *extra], text)
        except ResolutionError as error:
            if error.kind not in _OF_AN_OLD_ANSWER:
                raise
            # What uv kept of the index may be older than a release that the matrix names.
            done = _compile([*command, *extra, "--refresh"], text)
    inputs = inputs_digest(requirements, python, constraints, as_of)
    head = f"# Pins with hashes for {title}. Install with --require-hashes.\n"
    head += f"# matrixscan-inputs: {inputs}\n# matrixscan-torch: {torch_index}\n"
    head += f"# matrixscan-asof: {as_of}\n" if as_of else ""
    lock = LockFile(head + done.output, inputs, torch_index)
    _check_answer(requirements, lock)
    return lock


def _compile(command: Sequence[str], text: str) -> process.Finished:
    done = process.run(command, env=tool_environment(), timeout=_RESOLVE_SECONDS, text=text)
    if done.timed_out:
        raise ResolutionError("infra", "ResolverTimeout", f"gave up after {_RESOLVE_SECONDS:g} s\n{done.words}".strip())
    if done.returncode != 0:
        raise _failure(done.words.strip())
    return done


def _check_answer(requirements: Sequence[str], lock: LockFile) -> None:
    """Refuse an answer to another question: overrides in the user's uv settings replace what was asked."""
    for requirement in map(Requirement, requirements):
        version = lock.packages.get(canonicalize_name(requirement.name))
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            words = f"asked for {requirement}, uv gives {version}: look for override-dependencies in your uv settings"
            raise ResolutionError("infra", "OtherVersion", words)


def _as_of(requirements: Sequence[str], date: str | None) -> list[str]:
    """Return uv's options for packages as of a day; what is asked for may be younger, or have younger wheels."""
    if date is None:
        return []
    named = (Requirement(requirement).name for requirement in requirements)
    return ["--exclude-newer", date, *(f"--exclude-newer-package={name}=false" for name in named)]


def torch_backend(torch_index: str) -> list[str]:
    """Return uv's options for torch's own CPU builds; uv knows where they are."""
    return ["--torch-backend", "cpu"] if torch_index == "cpu" else []


@contextlib.contextmanager
def _constraints_file(pins: str) -> Iterator[list[str]]:
    """Hold the pins in a file for as long as uv needs it, and give uv's options for it."""
    if not pins:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "constraints.txt")
        path.write_text(pins, encoding="utf-8")
        yield ["--constraints", str(path)]


def _failure(words: str) -> ResolutionError:
    for outcome, kind, pattern in _FAILURES:
        if re.search(pattern, words, re.IGNORECASE):
            return ResolutionError(outcome, kind, words)
    return ResolutionError("failed", "ResolverError", words)
