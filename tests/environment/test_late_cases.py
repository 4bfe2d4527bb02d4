import sys

import pytest

from matrixscan.environment.harness import _starved
from matrixscan.environment.process import Watched

LATE = {
    "had all the time it may take": (600.0, 601.0, False),
    "had more than one processor": (1100.0, 601.0, False),
    "had half of a processor": (300.0, 601.0, True),
    "waits for nothing": (1.0, 601.0, False),
    "sleeps nearly all the time": (50.0, 601.0, False),
    "was crowded out for too long": (500.0, 3001.0, False),
    "was crowded out for long": (500.0, 2990.0, True),
}


@pytest.mark.parametrize(("worked", "waited", "starved"), LATE.values(), ids=LATE)
def test_a_case_is_given_more_time_only_where_others_had_the_processor(worked, waited, starved):
    assert _starved(worked, waited, 600.0) is starved


def test_processor_time_counts_children_and_not_waiting(tmp_path):
    busy = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
    code = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {busy!r}])\ntime.sleep(60)\n"
    with Watched([sys.executable, "-c", code], env={}, cwd=tmp_path, log=tmp_path / "log") as process:
        seen = 0.0
        for _ in range(200):
            process.wait(0.1)
            seen = process.cpu_seconds()
            if seen > 0.4:
                break
        assert seen > 0.4
        process.wait(1.0)
        assert process.cpu_seconds() < seen + 0.5
