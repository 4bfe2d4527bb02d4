import os
import signal
import time

import pytest

from matrixscan.harness.diagnosis.reduce_apart import Ending, apart
from matrixscan.harness.diagnosis.reduce_runs import same_failure

# The tests' own process has threads; a copy of the harness has one that only reads.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


def die(number):
    os.kill(os.getpid(), number)


def refuse():
    raise ValueError("no")


@pytest.mark.parametrize(
    ("work", "arguments", "ending"),
    [
        (max, ([3, 5],), Ending("done", 5)),
        (refuse, (), Ending("raised", {"type": "ValueError", "message": "no", "at": None})),
        (die, (signal.SIGSEGV,), Ending("died", "SIGSEGV")),
        (die, (signal.SIGFPE,), Ending("died", "SIGFPE")),
        (os._exit, (3,), Ending("died", "exit 3")),
        (time.sleep, (60,), Ending("hung", None)),
    ],
)
def test_however_it_ends_this_process_goes_on(work, arguments, ending):
    assert apart(work, *arguments, seconds=0.5 if work is time.sleep else 60) == ending


def raised(message, kind="Fail", at="run"):
    return Ending("raised", {"type": kind, "message": message, "at": at})


WORDS = "Non-zero status code returned while running Add node. Name:'/a/Add_1' cannot broadcast 3 by 7"


@pytest.mark.parametrize(
    ("ending", "same"),
    [
        (raised(WORDS), True),
        (raised(WORDS.replace("/a/Add_1", "/b/Add_24").replace("7", "12")), True),
        (raised("Invalid type of an input"), False),
        (raised(WORDS, kind="Other"), False),
        (raised(WORDS, at="load"), False),
        (Ending("died", "SIGSEGV"), False),
        (Ending("done", {}), False),
    ],
)
def test_a_piece_fails_like_the_whole_if_it_says_the_same_of_another_graph(ending, same):
    assert same_failure(ending, raised(WORDS)) is same


def test_crashes_are_the_same_by_their_signal():
    assert same_failure(Ending("died", "SIGSEGV"), Ending("died", "SIGSEGV"))
    assert not same_failure(Ending("died", "SIGABRT"), Ending("died", "SIGSEGV"))
    assert same_failure(Ending("hung", None), Ending("hung", None))
