import json
import os
import sys

import pytest

from matrixscan.environment.clean import tested_environment as environment_under_test
from matrixscan.environment.clean import tool_environment
from matrixscan.environment.process import run

MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")
MISLEADING += ("UV_PYTHON", "UV_OVERRIDE", "UV_CONSTRAINT", "UV_TORCH_BACKEND", "UV_RESOLUTION", "NOX_DEFAULT_VENV")
SECRETS = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN", "UV_INDEX_CORP_PASSWORD", "SSH_AUTH_SOCK", "LD_PRELOAD")


@pytest.fixture(autouse=True)
def _outside(monkeypatch):
    for name in (*MISLEADING, *SECRETS):
        monkeypatch.setenv(name, "/secret/value")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("TZ", "Asia/Tokyo")


def test_tools_keep_index_and_proxy_and_lose_what_misleads():
    seen = tool_environment()
    assert not set(MISLEADING) & seen.keys()
    assert seen["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert seen["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert seen["HOME"] == os.environ["HOME"]
    assert seen["NO_COLOR"] == "1"


def test_code_under_test_sees_no_secret_no_home_and_nothing_of_ours(tmp_path):
    seen = environment_under_test(tmp_path / "bin", tmp_path / "home")
    assert not (set(MISLEADING) | set(SECRETS)) & seen.keys()
    assert "/secret/value" not in seen.values()
    assert {seen[name] for name in ("HOME", "TMPDIR", "TEMP", "TMP")} == {str(tmp_path / "home")}
    assert seen["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")
    assert os.environ["PATH"] not in seen["PATH"]
    assert seen["TZ"] == "Asia/Tokyo"
    assert list((tmp_path / "home").iterdir()) == []


def test_what_a_real_child_sees(tmp_path):
    variables = environment_under_test(tmp_path / "bin", tmp_path / "home")
    code = "import json, os, site, sys, tempfile; "
    code += "print(json.dumps([dict(os.environ), sys.path, site.ENABLE_USER_SITE, tempfile.gettempdir()]))"
    done = run([sys.executable, "-I", "-c", code], env=variables, timeout=30.0)
    seen, path, user_site, temporary = json.loads(done.output)
    assert not (set(MISLEADING) | set(SECRETS)) & seen.keys()
    assert not any("/secret" in entry for entry in path)
    assert user_site is False
    assert temporary == str(tmp_path / "home")
