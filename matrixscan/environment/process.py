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
from typing import IO, Any, Self

import msgspec
import psutil

_TICK = 0.05
_HARNESS = f"{os.sep}harness{os.sep}h"  # where harness.place_harness puts it
_HEAD_BYTES = 64 * 1024
_TAIL_BYTES = 192 * 1024


#: Children that run now. Starting one and stopping all exclude each other, so that none slips through.
_running: set[subprocess.Popen[Any]] = set()
_gate = threading.Lock()
_stopping = threading.Event()


def stop_all() -> None:
    """End every child of every thread; until `allow` whoever starts or awaits one gets a KeyboardInterrupt."""
    _stopping.set()
    with _gate:
        children = [child for child in list(_running) if child.returncode is None]
    for child in children:
        kill_tree(child.pid)
        _kill_session(child.pid)


def allow() -> None:
    """Let children be started again after `stop_all`."""
    _stopping.clear()


def check_stopping() -> None:
    """Raise KeyboardInterrupt if everything is to end: Python itself raises it in the main thread only."""
    if _stopping.is_set():
        raise KeyboardInterrupt


def _start(command: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
    with _gate:
        check_stopping()
        child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **more)
        _running.add(child)
    return child


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
    with _start(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        encoding="utf-8",
        errors="replace",
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
        finally:
            _running.discard(process)
    check_stopping()  # what stop_all ended must not look like a command that failed
    return Finished(process.returncode, output, words, time.monotonic() - began, timed_out)


class Watched:
    """A long-running process whose end, memory and output are watched from outside.

    It holds the read end of a pipe as its standard input; should this process die, even by SIGKILL, the pipe closes
    and the harness ends itself.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._process = _start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(env), cwd=cwd)
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
        _running.discard(self._process)
        self._reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def wait(self, seconds: float = _TICK) -> int | None:
        """Wait up to `seconds` and return the exit code, or None while it runs."""
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=seconds)
        check_stopping()
        return code

    def memory(self) -> int:
        """Return the resident bytes of the process and its descendants."""
        return sum(_resident(process) for process in _tree(self._process.pid))

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and its descendants, also of those it has waited for."""
        return sum(_cpu_seconds(process) for process in _tree(self._process.pid))

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
    """End what an earlier, killed scan left running in `folder`; the caller holds the folder's lock.

    A python that a user started from an environment that was kept is none of ours.
    """
    place = os.fspath(folder)
    for process in psutil.process_iter(["cmdline", "exe"]):
        words = process.info["cmdline"] or []
        names = {Path(path).name for path in (process.info["exe"] or "", *words[:1])}
        ours = names & {"uv", "uv.exe"} or any(_HARNESS in word for word in words)
        inside = any(word == place or f"{place}{os.sep}" in word for word in words)
        if ours and inside and process.pid != os.getpid():
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


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


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
