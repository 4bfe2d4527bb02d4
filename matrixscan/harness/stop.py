"""How a case ends before its last stage."""


class Stop(Exception):
    """A case ends here, at the stage being worked on."""

    def __init__(self, outcome, reason, error=None, outputs=(), facts=None):
        super().__init__(reason)
        self.outcome, self.reason, self.error = outcome, reason, error
        self.outputs, self.facts = list(outputs), facts or {}


def described(error):
    """Turn an exception into the type and message of a finding; tools often say the useful part last.

    The message ends with `caused by TYPE: words` where the exception was raised from others and does not say so itself.
    """
    message = str(error).strip() or repr(error)
    root = _root(error)
    words = str(root).strip()
    if root is not error and words and words not in message:
        message += "\ncaused by %s: %s" % (type(root).__name__, words)
    return {"type": type(error).__name__, "message": message}


def _root(error):
    """Return the first of a chain of exceptions, as far as each was raised from the one before on purpose."""
    known = [error]
    while error.__cause__ is not None and error.__cause__ not in known:
        error = error.__cause__
        known.append(error)
    return error
