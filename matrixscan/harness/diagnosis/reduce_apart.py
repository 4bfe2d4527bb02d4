"""Does a piece of work in a forked copy of this process, so that a crash or a hang is an answer and not the end.

A copy costs milliseconds where a new process would import everything again. It dies with the harness, whose process
group it stays in. Nothing that has started threads of its own may be used in both: runners work in copies only.
"""

import collections
import contextlib
import os
import pickle
import signal
import tempfile
import time

#: How a piece of work ended: `kind` is done, raised, died or hung; `value` is its result, or the error's fields.
Ending = collections.namedtuple("Ending", "kind value")  # noqa: PYI024  the harness has no annotations

_TICK = 0.005


def apart(work, *arguments, seconds):
    """Return the Ending of `work(*arguments)` in a copy of this process.

    The value of "raised" is the error's type, message and `at`, of "died" the name of the signal.
    """
    handle, path = tempfile.mkstemp()
    os.close(handle)
    try:
        child = os.fork()
        if not child:
            _work(path, work, arguments)
        return _ending(child, path, seconds)
    finally:
        os.unlink(path)


def _work(path, work, arguments):
    code = 1
    try:
        try:
            result = Ending("done", work(*arguments))
        except Exception as error:
            words = str(error).strip() or repr(error)
            fields = {"type": type(error).__name__, "message": words, "at": getattr(error, "at", None)}
            result = Ending("raised", fields)
        with open(path, "wb") as file:
            pickle.dump(tuple(result), file)
        code = 0
    finally:
        os._exit(code)  # neither the parent's clean-up nor that of a library


def _ending(child, path, seconds):
    status = _wait(child, seconds)
    if status is None:
        return Ending("hung", None)
    if os.WIFSIGNALED(status):
        return Ending("died", signal.Signals(os.WTERMSIG(status)).name)
    with open(path, "rb") as file:
        data = file.read()
    # An exit of its own, without a result: no library under test should do that, and it is told like a death.
    return Ending(*pickle.loads(data)) if data else Ending("died", "exit %d" % os.WEXITSTATUS(status))  # noqa: S301  ours


def _wait(child, seconds):
    """Return the exit status of a child, or None after having ended it because it took too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(_TICK)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
