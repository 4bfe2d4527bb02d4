"""What a failing case is asked once it has its outcome: does the artifact do right when nothing optimises it?"""

from . import stages
from .backends import find_runner

_LATE = ("load", "run", "compare")


def facts(bench, case, result, run):
    """Return further facts about a case that failed in its runner; none where the runner knows no other way.

    Args:
        bench: the workbench, with what the case's stages left behind.
        case: the request's description of the case.
        result: its outcome.
        run: the stage `run`.
    """
    if result["outcome"] != "failed" or result["stage"] not in _LATE:
        return {}
    plain = _Unoptimized(bench, case)
    return {"unoptimized": _attempt(plain, case, run)} if hasattr(plain.runner, "plain") else {}


class _Unoptimized:
    """A workbench on which the artifacts are opened without graph optimisations."""

    def __init__(self, bench, case):
        self._bench, self.runner, self._opened = bench, find_runner(case["runner"]), None

    def spec(self, case):
        return self._bench.spec(case)

    def kept(self, case, stage):
        if stage != "load":
            return self._bench.kept(case, stage)
        if self._opened is None:
            threads, paths = self._bench.request["threads"], self._bench.kept(case, "export")["paths"]
            self._opened = {name: self.runner.plain(path, threads, case["precision"]) for name, path in paths.items()}
        return {"handles": self._opened, "runner": self.runner}


def _attempt(bench, case, run):
    """Run and judge; whatever goes wrong is an answer too."""
    try:
        ran = run(bench, case)
        samples, chain = bench.kept(case, "eager")["samples"], bench.kept(case, "build")["chain"]
        outputs, unstable = stages.judge(bench.spec(case), chain, case["precision"], samples, ran)
    except Exception as error:
        return {"passed": False, "error": type(error).__name__}
    wrong = [output for output in outputs if not output["passed"]]
    largest = [output["max_abs"] for output in wrong if output.get("max_abs") is not None]
    return {"passed": bool(outputs) and not wrong and not unstable, "max_abs": max(largest, default=None)}
