import http.server
import os
import threading

import pytest

from matrixscan.environment import lock as lock_module
from matrixscan.environment import process
from matrixscan.environment.interpreters import find_interpreter
from matrixscan.environment.lock import LockFile, ResolutionError, inputs_digest, read_lock, resolve

HASH = "    --hash=sha256:" + "a" * 64
TEXT = f"""# Pins with hashes for a cell. Install with --require-hashes.
# matrixscan-inputs: 0123
# matrixscan-torch: cpu
nvidia-nccl-cu12==2.20.5 ; platform_machine == 'x86_64' \\
{HASH}
torch==2.4.0+cpu \\
{HASH} \\
    --hash=sha256:{"b" * 64}
Typing_Extensions==4.13.2 \\
{HASH}
"""


@pytest.fixture
def ask():
    def resolved(*requirements, **more):
        settings = {"python": "3.8", "torch_index": "pypi", "title": "a test"} | more
        return resolve(requirements, interpreter=find_interpreter("3.8"), **settings)

    return resolved


def test_a_lock_file_is_read_with_what_it_answers(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text(TEXT)
    lock = read_lock(path)
    assert (lock.inputs, lock.torch_index, lock.text) == ("0123", "cpu", TEXT)
    assert lock.packages == {
        "nvidia-nccl-cu12": "2.20.5",
        "torch": "2.4.0+cpu",
        "typing-extensions": "4.13.2",
    }


@pytest.mark.parametrize("text", ["", "torch==2.4.0\n", "# matrixscan-inputs: 0123\n", "# matrixscan-torch: cpu\n"])
def test_a_file_that_does_not_say_what_it_answers_is_no_lock(tmp_path, text):
    (tmp_path / "lock.txt").write_text(text)
    assert read_lock(tmp_path / "lock.txt") is None
    assert read_lock(tmp_path / "absent.txt") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"torch==", b"t\xffrch=="),
        lambda data: data.replace(b"b" * 64, b"b" * 63),
        lambda data: data.replace(b"b" * 64, b"b" * 65),
        lambda data: data.replace(b"b" * 64, b"x" * 64),
        lambda data: data[: data.index(b"    --hash=sha256:b")],
        lambda data: data[: data.index(b"Typing")] + b"typing-extensions==4.13.2\n",
    ],
)
def test_a_damaged_file_is_no_lock(tmp_path, damage):
    path = tmp_path / "lock.txt"
    path.write_bytes(damage(TEXT.encode()))
    assert read_lock(path) is None


def test_a_probes_lock_may_pin_nothing(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text(LockFile(TEXT, "", "cpu").without({"torch", "typing-extensions", "nvidia-nccl-cu12"}).text)
    assert read_lock(path).packages == {}


def test_entries_that_are_there_already_are_left_out_with_their_hashes():
    lock = LockFile(TEXT, "0123", "cpu").without({"torch", "typing-extensions"})
    assert lock.packages == {"nvidia-nccl-cu12": "2.20.5"}
    assert lock.text.count("--hash") == 1
    assert "b" * 64 not in lock.text
    assert lock.text.startswith("# Pins with hashes")
    assert lock.inputs == "0123"


def test_what_was_asked_decides_the_digest():
    asked = (["torch==2.4.0"], "3.8", {"numpy": "1.24.4"})
    assert inputs_digest(*asked) == inputs_digest(*asked)
    others = [
        (["torch==2.4.1"], *asked[1:]),
        (asked[0], "3.9", asked[2]),
        (*asked[:2], {}),
        (*asked[:2], {"numpy": "2"}),
    ]
    assert len({inputs_digest(*other) for other in (asked, *others)}) == 5
    assert inputs_digest(*asked, as_of="2024-08-24") != inputs_digest(*asked, as_of="2024-08-25")
    assert inputs_digest(*asked, as_of=None) == inputs_digest(*asked)


_NONE = "Because iniconfig was not found in the {} and you require iniconfig==2.0.0, we can conclude that"

#: What uv 0.13 says, word for word: about the packages ...
WORDS = {
    "Because there is no version of onnx==1.99 and you require onnx==1.99, we can": "NoSuchRelease",
    _NONE.format("package registry"): "NoSuchRelease",
    "Because torch==2.15.0 has no wheels with a matching Python implementation tag (e.g., `cp38`) and": "NoWheel",
    "Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we can": "NoWheel",
    """error: No solution found when resolving dependencies
  cause: Because requests==2.31.0 depends on urllib3>=1.21.1,<3 and you require requests==2.31.0, we can conclude that \
you require urllib3>=1.21.1,<3.
         And because you require urllib3==1.20, we can conclude that your requirements are unsatisfiable.
""": "ResolverConflict",
}
#: ... and about the network.
INFRASTRUCTURE = {
    """error: No solution found when resolving dependencies
  cause: Because there are no versions of iniconfig and you require iniconfig, we can conclude that your requirements \
are unsatisfiable.

hint: `iniconfig` was filtered by `exclude-newer` to only include packages uploaded before 2024-08-25T00:00:00Z. The \
latest version satisfying the requirement is v2.0.0.""": "FilteredByDate",
    """error: Request failed after 3 retries in 6.4s
  cause: Failed to fetch: http://127.0.0.1:9/simple/iniconfig/
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)""": "IndexUnreachable",
    """error: Failed to fetch: http://h/simple/iniconfig/
  cause: HTTP status server error (503 Service Unavailable) for url (http://h/simple/iniconfig/)""": "IndexUnreachable",
    _NONE.format("package registry")
    + """ your requirements are unsatisfiable.

hint: An index URL (http://h/simple) could not be queried due to a lack of valid authentication credentials (401 \
Unauthorized)""": "IndexRefused",
    _NONE.format("package registry")
    + """ your requirements are unsatisfiable.

hint: An index (http://h/simple) returned a 403 Forbidden error. Check that the index URL is correct""": "IndexRefused",
    _NONE.format("cache")
    + """ your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled.""": "Offline",
}


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [("infeasible", kind, words) for words, kind in WORDS.items()]
    + [("infra", kind, words) for words, kind in INFRASTRUCTURE.items()]
    + [("failed", "ResolverError", "error: something nobody has seen")],
)
def test_the_resolvers_words_are_read_for_what_they_mean(monkeypatch, ask, outcome, kind, words):
    said = process.Finished(1, "", words, 0.1, timed_out=False)
    monkeypatch.setattr(process, "run", lambda *_args, **_more: said)
    with pytest.raises(ResolutionError) as caught:
        ask("anything==1")
    assert (caught.value.outcome, caught.value.kind, str(caught.value)) == (outcome, kind, words.strip())


def test_a_resolver_that_takes_too_long_proves_nothing(monkeypatch, ask):
    said = process.Finished(-9, "", "", 300.0, timed_out=True)
    monkeypatch.setattr(process, "run", lambda *_args, **_more: said)
    with pytest.raises(ResolutionError, match="gave up after 300 s") as caught:
        ask("anything==1")
    assert caught.value.outcome == "infra"


@pytest.mark.parametrize(
    ("kind", "requirements"),
    [
        ("NoSuchRelease", ["iniconfig==99.0.0"]),
        ("ResolverConflict", ["requests==2.31.0", "urllib3==1.20"]),
        ("NoWheel", ["docopt==0.6.2"]),
    ],
)
def test_what_uv_says_today_is_still_understood(ask, kind, requirements):
    with pytest.raises(ResolutionError) as caught:
        ask(*requirements)
    assert (caught.value.outcome, caught.value.kind) == ("infeasible", kind)
    assert "we can conclude" in str(caught.value)


@pytest.fixture
def _empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(int(self.path.split("/")[1]))

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def index_server(_empty_cache):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_an_index_that_refuses_says_nothing_about_the_combination(monkeypatch, ask, index_server, status):
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index_server}/{status}/simple")
    with pytest.raises(ResolutionError) as caught:
        ask("iniconfig==2.0.0")
    assert caught.value.outcome == "infra"


@pytest.mark.usefixtures("_empty_cache")
@pytest.mark.parametrize(("setting", "value"), [("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple"), ("UV_OFFLINE", "1")])
def test_no_network_says_nothing_about_the_combination(monkeypatch, ask, setting, value):
    monkeypatch.setenv(setting, value)
    with pytest.raises(ResolutionError) as caught:
        ask("iniconfig==2.0.0")
    assert caught.value.outcome == "infra"


def test_a_real_lock_has_hashes_and_names_no_index(ask, tmp_path):
    lock = ask("iniconfig==2.0.0", title="my cell")
    assert lock.packages == {"iniconfig": "2.0.0"}
    assert "--hash=sha256:" in lock.text
    assert "://" not in lock.text
    assert "index" not in lock.text
    assert os.fspath(tmp_path) not in lock.text
    assert lock.text.startswith("# Pins with hashes for my cell.")
    (tmp_path / "lock.txt").write_text(lock.text)
    assert read_lock(tmp_path / "lock.txt") == lock
    assert lock.inputs == inputs_digest(["iniconfig==2.0.0"], "3.8")


def test_constraints_hold_and_are_not_installed_for_themselves(ask):
    lock = ask("requests", constraints={"urllib3": "1.26.5", "iniconfig": "1.1.1"})
    assert lock.packages["urllib3"] == "1.26.5"
    assert "iniconfig" not in lock.packages
    assert ask("requests==2.31.0", no_deps=True).packages == {"requests": "2.31.0"}


def test_an_override_in_the_users_settings_is_no_answer(monkeypatch, ask, tmp_path):
    text = '[project]\nname = "x"\nversion = "0"\n[tool.uv]\noverride-dependencies = ["iniconfig==1.1.1"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResolutionError, match=r"asked for iniconfig==2\.0\.0, uv gives 1\.1\.1") as caught:
        ask("iniconfig==2.0.0")
    assert caught.value.outcome == "infra"


def test_a_local_build_of_the_release_is_the_release(monkeypatch, ask):
    said = process.Finished(0, f"torch==2.4.0+cpu \\\n{HASH}\n", "", 0.1, timed_out=False)
    monkeypatch.setattr(lock_module.process, "run", lambda *_args, **_more: said)
    assert ask("torch==2.4.0", torch_index="cpu").packages == {"torch": "2.4.0+cpu"}
