"""How a case ends before its last stage."""


class Stop(Exception):
    """A case ends here, at the stage being worked on."""

    def __init__(self, outcome, reason, error=None, outputs=(), facts=None):
        super().__init__(reason)
        self.outcome, self.reason, self.error = outcome, reason, error
        self.outputs, self.facts = list(outputs), facts or {}


def described(error):
    """Turn an exception into the type and message of a finding; tools often say the useful part last."""
    return {"type": type(error).__name__, "message": str(error).strip() or repr(error)}
