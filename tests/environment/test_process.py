import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from matrixscan.environment.process import Watched, allow, kill_strays, run, stop_all

SPAWN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {0!r}]);"
SLEEP = "import time; time.sleep(60)"


def python(code, **more):
    more.setdefault("timeout", 30.0)
    return run([sys.executable, "-c", code], env={}, **more)


def alive(marker):
    """Return the processes whose command line holds `marker`, us aside."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(marker in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def wait_until(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_output_words_and_code_are_kept_apart():
    code = "import sys; print(sys.stdin.read()); print('oh', file=sys.stderr); sys.exit(3)"
    done = python(code, text="in")
    assert (done.returncode, done.output.strip(), done.words.strip(), done.timed_out) == (3, "in", "oh", False)


def test_undecodable_output_is_no_trouble():
    assert "\ufffd" in python("import os; os.write(1, b'\\xff')").output


def test_past_its_time_the_whole_tree_ends():
    marker = f"tree of {os.getpid()} {time.monotonic_ns()}"
    grandchild = f"{SLEEP} # {marker}"
    began = time.monotonic()
    done = python(f"{SPAWN.format(grandchild)} {grandchild}", timeout=1.5)
    assert done.timed_out
    assert done.returncode != 0
    assert time.monotonic() - began < 15
    wait_until(lambda: not alive(marker))


def test_past_its_time_a_child_whose_parent_is_gone_ends_too():
    marker = f"orphan of {os.getpid()} {time.monotonic_ns()}"
    began = time.monotonic()
    done = python(SPAWN.format(f"{SLEEP} # {marker}"), timeout=1.5)
    assert done.timed_out
    assert time.monotonic() - began < 15
    wait_until(lambda: not alive(marker))


def test_an_interrupted_wait_leaves_nothing_behind(monkeypatch):
    marker = f"interrupted {os.getpid()} {time.monotonic_ns()}"

    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen.communicate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            python(f"{SLEEP} # {marker}")
    wait_until(lambda: not alive(marker))


@pytest.fixture
def watch(tmp_path):
    def start(code):
        return Watched([sys.executable, "-c", code], env={}, cwd=tmp_path, log=tmp_path / "log.txt")

    return start


def test_a_watched_process_is_seen_ending_and_logged(watch, tmp_path):
    with watch("import sys; print('hello'); print('oops', file=sys.stderr); sys.exit(5)") as process:
        wait_until(lambda: process.wait() is not None)
        assert process.wait() == 5
    assert sorted((tmp_path / "log.txt").read_text().split()) == ["hello", "oops"]


def test_leaving_ends_a_watched_process_and_its_children(watch):
    marker = f"watched {os.getpid()} {time.monotonic_ns()}"
    with watch(f"{SPAWN.format(f'{SLEEP} # {marker}')} {SLEEP} # {marker}") as process:
        wait_until(lambda: len(alive(marker)) >= 2)
        assert process.wait() is None
        assert process.memory() > 2 * 1024 * 1024
    wait_until(lambda: not alive(marker))


def test_what_a_dead_process_left_running_neither_blocks_nor_survives(watch):
    marker = f"left over {os.getpid()} {time.monotonic_ns()}"
    with watch(SPAWN.format(f"{SLEEP} # {marker}")) as process:
        wait_until(lambda: process.wait() is not None)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    wait_until(lambda: not alive(marker))


def test_its_standard_input_ends_only_with_us(watch):
    with watch("import sys; sys.stdin.read(); print('eof')") as process:
        assert process.wait(0.5) is None


def test_a_log_keeps_its_beginning_and_its_end(watch, tmp_path):
    with watch("print('first'); [print('x' * 99) for _ in range(20000)]; print('last')") as process:
        wait_until(lambda: process.wait() is not None)
    log = (tmp_path / "log.txt").read_text()
    assert log.startswith("first\n")
    assert log.endswith("last\n")
    assert len(log) <= (64 + 192 + 1) * 1024


def test_one_endless_line_does_not_fill_the_disk(watch, tmp_path):
    with watch("import sys; [sys.stdout.write('y' * 100000) for _ in range(50)]") as process:
        wait_until(lambda: process.wait() is not None)
    assert (tmp_path / "log.txt").stat().st_size <= 400 * 1024


def test_strays_of_a_folder_are_ended_and_those_of_another_are_not(tmp_path):
    mine, other = tmp_path / "a" / "env", tmp_path / "b" / "env"
    for folder in (mine, other):
        folder.mkdir(parents=True)
        (folder / "python").symlink_to(sys.executable)

    def start(folder, *words):
        command = [str(folder / "python"), "-c", SLEEP, *words]
        return Watched(command, env={}, cwd=tmp_path, log=tmp_path / "log")

    harness = str(tmp_path / "harness" / "h01")
    with start(mine, harness) as stray, start(other, harness) as neighbour, start(mine) as users_own:
        wait_until(lambda: len(alive(str(mine))) == 2 and alive(str(other)))
        kill_strays(mine)
        wait_until(lambda: stray.wait() is not None)
        assert neighbour.wait() is None
        assert users_own.wait() is None


def test_a_folder_whose_name_begins_alike_is_another(tmp_path):
    (tmp_path / "env2").mkdir()
    python = tmp_path / "env2" / "python"
    python.symlink_to(sys.executable)
    command = [str(python), "-c", SLEEP, str(tmp_path / "harness" / "h01")]
    with Watched(command, env={}, cwd=tmp_path, log=tmp_path / "log") as neighbour:
        wait_until(lambda: alive(str(python)))
        kill_strays(tmp_path / "env")
        assert neighbour.wait() is None


def test_stopping_ends_what_every_thread_waits_for_and_starts_nothing_more(watch):
    marker = f"stopped {os.getpid()} {time.monotonic_ns()}"

    def watched():
        with watch(f"{SLEEP} # {marker}") as process:
            while process.wait() is None:
                pass

    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(python, f"{SLEEP} # {marker}"), pool.submit(watched)]
        wait_until(lambda: len(alive(marker)) == 2)
        began = time.monotonic()
        stop_all()
        try:
            assert all(isinstance(wait.exception(timeout=10), KeyboardInterrupt) for wait in waits)
            assert time.monotonic() - began < 2
            with pytest.raises(KeyboardInterrupt):
                python("")
        finally:
            allow()
    assert not alive(marker)
    assert python("print(1)").output == "1\n"
