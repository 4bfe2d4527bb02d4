"""The only file that starts processes: bounded, with their whole tree ended when they overrun or we are interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import psutil

_TICK = 0.05
_HEAD_BYTES = 64 * 1024
_TAIL_BYTES = 192 * 1024


class Finished(msgspec.Struct, frozen=True):
    """How a command ended. `output` is standard output, `words` what it said on standard error."""

    returncode: int
    output: str
    words: str
    seconds: float
    timed_out: bool


def run(
    command: Sequence[str], *, env: Mapping[str, str], timeout: float, cwd: Path | None = None, text: str = ""
) -> Finished:
    """Run a command to its end, feeding it `text`; past `timeout` seconds its whole tree is killed."""
    began = time.monotonic()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        timed_out = False
        try:
            output, words = process.communicate(text, timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            kill_tree(process.pid)
            _kill_session(process.pid)
            output, words = process.communicate()
        except BaseException:
            kill_tree(process.pid)
            _kill_session(process.pid)
            raise
    return Finished(process.returncode, output, words, time.monotonic() - began, timed_out)


class Watched:
    """A long-running process whose end, memory and output are watched from outside.

    It holds the read end of a pipe as its standard input; should this process die, even by SIGKILL, the pipe closes
    and the harness ends itself.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        if self._process.stdout is None:
            raise RuntimeError(command)
        self._reader = threading.Thread(target=_keep_log, args=(self._process.stdout, log), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def wait(self, seconds: float = _TICK) -> int | None:
        """Wait up to `seconds` and return the exit code, or None while it runs."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def memory(self) -> int:
        """Return the resident bytes of the process and its descendants."""
        return sum(_resident(process) for process in _tree(self._process.pid))

    def kill(self) -> None:
        """End the process and every descendant, also those it left behind when it died."""
        if self._process.poll() is None:
            kill_tree(self._process.pid)
        _kill_session(self._process.pid)
        self._process.wait()


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants."""
    for process in _tree(pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _kill_session(leader: int) -> None:
    """Kill what is left of a session we started; its number is not given away while a member lives."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left, or only to be waited for
            os.killpg(leader, signal.SIGKILL)


def kill_strays(folder: Path) -> None:
    """End what an earlier, killed scan left running in `folder`; the caller holds the folder's lock."""
    place = os.fspath(folder)
    for process in psutil.process_iter(["cmdline", "exe"]):
        words = process.info["cmdline"] or []
        exe = process.info["exe"] or ""
        ours = Path(exe).name in {"uv", "uv.exe"} or exe.startswith(place) or (words and words[0].startswith(place))
        if ours and process.pid != os.getpid() and any(place in word for word in words):
            kill_tree(process.pid)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _keep_log(stream: IO[bytes], log: Path) -> None:
    """Copy a stream to a file, keeping its beginning and its end when it is long."""
    tail: deque[bytes] = deque()
    kept = 0
    with log.open("ab", buffering=0) as file:
        room = _HEAD_BYTES
        for line in iter(lambda: stream.readline(_HEAD_BYTES), b""):
            if room > 0:
                file.write(line)
                room -= len(line)
                continue
            tail.append(line)
            kept += len(line)
            while kept > _TAIL_BYTES:
                kept -= len(tail.popleft())
        file.write(b"".join(tail))
