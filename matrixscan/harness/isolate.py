"""What a process under test does so that its death harms nobody and its host's death leaves nothing behind."""

import faulthandler
import os
import signal
import sys
import threading


def prepare():
    """Arm the watchdogs. The host holds the other end of standard input for as long as it lives."""
    faulthandler.enable()
    _first_to_go_when_memory_ends()
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError) as error:
        sys.stderr.write("core dumps stay as they are: %s\n" % error)
    threading.Thread(target=_die_with_host, daemon=True).start()


def _first_to_go_when_memory_ends():
    # The kernel shall take this process and not the one that writes the records.
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError as error:
        sys.stderr.write("the kernel chooses whom to end when memory ends: %s\n" % error)


def _die_with_host():
    # os.read and not sys.stdin: a thread blocked in a buffered reader aborts the interpreter at exit.
    while os.read(0, 4096):
        continue
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with the converters it has started
    os._exit(70)


def leave():
    """End at once: libraries that crash while they are torn down have already given their results."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def reset_peak_memory():
    """Start a new measurement of the peak resident size, where the kernel can."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def peak_memory():
    """Return the peak resident size in bytes since the last reset, or None where it cannot be read."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
