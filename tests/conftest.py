import os
import signal

from hypothesis import settings

# A run in continuous integration is repeatable; a run at a desk looks for new examples.
settings.register_profile("matrixscan", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("matrixscan")

# A shell starts background jobs with interrupts ignored, and children inherit that; the tests interrupt theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
