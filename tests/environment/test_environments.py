"""Environments for real: made, filled, used, damaged."""

import json
from pathlib import Path

import pytest

from matrixscan.environment import process
from matrixscan.environment.clean import tested_environment as environment_under_test
from matrixscan.environment.create import CreationError, create, remove
from matrixscan.environment.install import InstallError, install, install_beside
from matrixscan.environment.interpreters import NoInterpreterError, find_interpreter
from matrixscan.environment.lock import LockFile, resolve
from matrixscan.environment.process import run
from matrixscan.environment.torch_index import _reachable, choose_torch_index


def ask(environment, code, home):
    command = [str(environment.python), "-I", "-c", f"import json, sys; print(json.dumps({code}))"]
    done = run(command, env=environment_under_test(environment.scripts, home), timeout=60.0)
    assert done.returncode == 0, done.words
    return json.loads(done.output)


@pytest.fixture(scope="module")
def python38():
    return find_interpreter("3.8")


@pytest.fixture(scope="module")
def lock(python38):
    return resolve(["iniconfig==2.0.0"], interpreter=python38, python="3.8", torch_index="pypi", title="a test")


@pytest.fixture
def environment(tmp_path, python38):
    return create(tmp_path / "env", python38)


@pytest.mark.parametrize("python", ["3.8", "3.13"])
def test_installed_interpreters_are_found(python):
    found = find_interpreter(python)
    code = "import platform; print(platform.python_implementation(), platform.python_version())"
    said = run([str(found), "-I", "-c", code], env={}, timeout=30.0).output.split()
    assert said[0] == "CPython"
    assert said[1].startswith(f"{python}.")


def test_a_full_version_means_that_version(python38):
    exact = run([str(python38), "--version"], env={}, timeout=30.0).output.split()[1]
    assert find_interpreter(exact) == python38


def test_an_interpreter_nobody_has_is_said_in_the_words_of_uv():
    with pytest.raises(NoInterpreterError, match=r"no CPython 3\.99 is installed; uv says: .*No download found"):
        find_interpreter("3.99")


def test_an_interpreter_nobody_has_is_asked_for_once(monkeypatch):
    asked = []
    real = process.run
    monkeypatch.setattr(process, "run", lambda command, **more: (asked.append(command), real(command, **more))[1])
    for _ in range(2):
        with pytest.raises(NoInterpreterError, match=r"no CPython 3\.98 is installed"):
            find_interpreter("3.98")
    assert len([command for command in asked if "install" in command]) == 1


def test_an_environment_is_of_its_interpreter_alone(environment, tmp_path, monkeypatch):
    site = tmp_path / "user" / "lib" / "python3.8" / "site-packages"
    site.mkdir(parents=True)
    (site / "sneaky.py").write_text("")
    for name, value in {"PYTHONPATH": str(site), "PYTHONUSERBASE": str(tmp_path / "user")}.items():
        monkeypatch.setenv(name, value)
    version, prefix, path = ask(environment, "[sys.version_info[:2], sys.prefix, sys.path]", tmp_path / "home")
    assert version == [3, 8]
    assert prefix == str(environment.folder)
    assert not any("user" in Path(entry).parts for entry in path)
    assert ask(environment, "__import__('importlib.util').util.find_spec('sneaky') is None", tmp_path / "home")
    assert ask(environment, "__import__('importlib.util').util.find_spec('pip') is None", tmp_path / "home")


def test_a_working_environment_is_kept_and_a_half_made_one_is_made_anew(environment, tmp_path, python38):
    (environment.folder / "mine.txt").write_text("")
    assert create(environment.folder, python38) == environment
    assert (environment.folder / "mine.txt").exists()
    (environment.folder / ".matrixscan-created").unlink()
    environment.python.unlink()
    assert create(environment.folder, python38) == environment
    assert not (environment.folder / "mine.txt").exists()
    assert ask(environment, "1", tmp_path / "home") == 1


def test_an_environment_of_another_interpreter_is_made_anew(environment, tmp_path):
    other = create(environment.folder, find_interpreter("3.13"))
    assert ask(other, "sys.version_info[:2]", tmp_path / "home") == [3, 13]


def test_an_interpreter_that_is_none_is_a_creation_error(tmp_path):
    (tmp_path / "python3.8").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3.8").chmod(0o755)
    with pytest.raises(CreationError):
        create(tmp_path / "env", tmp_path / "python3.8")


def test_removing_leaves_nothing(environment):
    remove(environment.folder)
    remove(environment.folder)
    assert not environment.folder.exists()


def test_a_removal_that_is_killed_leaves_nothing_that_looks_whole(environment, lock, monkeypatch):
    install(environment, lock, seconds=120.0)

    def killed(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove(environment.folder)
    assert environment.python.exists()
    assert not list(environment.folder.glob(".matrixscan-*"))


def test_a_lock_is_installed_exactly_and_only_once(environment, lock, tmp_path, monkeypatch):
    install(environment, lock, seconds=120.0)
    code = "[d.metadata['Name'] + '==' + d.version for d in __import__('importlib.metadata').metadata.distributions()]"
    assert ask(environment, code, tmp_path / "home") == ["iniconfig==2.0.0"]

    def no_process(*_args, **_more):
        raise AssertionError("nothing is to be done")

    with monkeypatch.context() as patch:
        patch.setattr(process, "run", no_process)
        install(environment, lock, seconds=120.0)
    other = resolve(
        ["iniconfig==1.1.1"], interpreter=environment.python, python="3.8", torch_index="pypi", title="another"
    )
    install(environment, other, seconds=120.0)
    assert ask(environment, code, tmp_path / "home") == ["iniconfig==1.1.1"]


def test_packages_nobody_named_are_taken_as_of_a_day(environment):
    def packages(as_of):
        more = {"interpreter": environment.python, "python": "3.8", "torch_index": "pypi", "title": "a test"}
        lock = resolve(["pytest==7.4.4"], as_of=as_of, **more)
        assert (f"# matrixscan-asof: {as_of}\n" in lock.text) == (as_of is not None)
        return lock.packages

    # iniconfig 2.0.0 is of January 2023; what is named itself may be younger than the day.
    assert packages("2022-12-01") | {"iniconfig": "1.1.1", "pytest": "7.4.4"} == packages("2022-12-01")
    assert packages(None)["iniconfig"] != "1.1.1"


def test_a_tampered_hash_is_refused_and_nothing_is_installed(environment, lock, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    start = lock.text.index("--hash")
    tampered = LockFile(lock.text[:start] + "--hash=sha256:" + "0" * 64 + "\n", lock.inputs, "pypi")
    with pytest.raises(InstallError, match="Hash mismatch") as caught:
        install(environment, tampered, seconds=120.0)
    assert not caught.value.timed_out
    assert ask(environment, "__import__('importlib.util').util.find_spec('iniconfig') is None", tmp_path / "home")
    with pytest.raises(InstallError, match="Hash mismatch"):
        install(environment, tampered, seconds=120.0)


def test_an_installation_without_hashes_is_refused(environment):
    with pytest.raises(InstallError, match="hash"):
        install(environment, LockFile("iniconfig==2.0.0\n", "", "pypi"), seconds=120.0)


def test_a_slow_installation_says_so(environment, lock, monkeypatch):
    said = process.Finished(-9, "", "", 1.0, timed_out=True)
    monkeypatch.setattr(process, "run", lambda *_args, **_more: said)
    with pytest.raises(InstallError) as caught:
        install(environment, lock, seconds=1.0)
    assert caught.value.timed_out


def test_a_probes_own_packages_lie_beside_the_environment(environment, lock, tmp_path):
    folder = tmp_path / "beside"
    install_beside(environment, lock, folder, seconds=120.0)
    assert (folder / "iniconfig" / "__init__.py").is_file()
    assert ask(environment, "__import__('importlib.util').util.find_spec('iniconfig') is None", tmp_path / "home")
    before = (folder / "iniconfig").stat().st_ino
    install_beside(environment, lock, folder, seconds=120.0)
    assert (folder / "iniconfig").stat().st_ino == before


def test_a_probe_whose_packages_are_all_there_needs_nothing(environment, lock, tmp_path):
    install_beside(environment, lock.without({"iniconfig"}), tmp_path / "beside", seconds=120.0)


@pytest.fixture
def _torch_question():
    _reachable.cache_clear()
    yield
    _reachable.cache_clear()


@pytest.mark.usefixtures("_torch_question")
@pytest.mark.parametrize(
    ("finished", "chosen"),
    [
        (process.Finished(0, "torch==2.4.0+cpu\n", "", 1.0, timed_out=False), "cpu"),
        (process.Finished(2, "", "error: Failed to fetch: https://download/whl/cpu", 1.0, timed_out=False), "pypi"),
        (process.Finished(-9, "", "", 60.0, timed_out=True), "pypi"),
        # An answer of any other kind means that somebody answered.
        (process.Finished(1, "", "No solution found when resolving dependencies", 1.0, timed_out=False), "cpu"),
    ],
)
def test_auto_takes_the_cpu_builds_where_they_can_be_reached(monkeypatch, finished, chosen):
    monkeypatch.setattr(process, "run", lambda *_args, **_more: finished)
    assert choose_torch_index("auto") == chosen
    assert choose_torch_index("cpu") == "cpu"
    assert choose_torch_index("pypi") == "pypi"


@pytest.mark.usefixtures("_torch_question")
def test_auto_asks_once(monkeypatch):
    asked = []

    def answer(command, **_):
        asked.append(command)
        return process.Finished(0, "", "", 1.0, timed_out=False)

    monkeypatch.setattr(process, "run", answer)
    assert choose_torch_index("auto") == choose_torch_index("auto")
    assert len(asked) == 1
