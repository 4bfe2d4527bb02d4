"""A cache that passes: what uv downloads is gone in the end, and the user's own is not touched."""

import os

import pytest

from matrixscan.environment.cache import passing_cache


@pytest.fixture(params=[None, "mine"])
def own(request, tmp_path, monkeypatch):
    """The user's cache, with something in it; or none that was named."""
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    if request.param is None:
        return None
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/wheel").write_text("precious")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "mine"))
    return tmp_path / "mine"


def _is_as_before(own):
    assert os.environ.get("UV_CACHE_DIR") == (None if own is None else str(own))
    return own is None or (own / "wheel").read_text() == "precious"


def test_what_uv_keeps_there_is_deleted_in_the_end(own, tmp_path):
    with passing_cache(tmp_path / "deep/passing"):
        assert os.environ["UV_CACHE_DIR"] == str(tmp_path / "deep/passing")
        (tmp_path / "deep/passing/wheels").mkdir(parents=True)
        (tmp_path / "deep/passing/wheels/one").write_text("1")
    assert not (tmp_path / "deep/passing").exists()
    assert _is_as_before(own)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, OSError])
def test_whatever_ends_a_scan_the_users_cache_is_back(own, tmp_path, kind):
    def work():
        with passing_cache(tmp_path / "passing"):
            (tmp_path / "passing").mkdir()
            raise kind

    with pytest.raises(kind):
        work()
    assert not (tmp_path / "passing").exists()
    assert _is_as_before(own)


def test_a_relative_folder_is_meant_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with passing_cache(tmp_path / ".." / tmp_path.name / "passing"):
        assert os.environ["UV_CACHE_DIR"] == str(tmp_path / "passing")


def test_a_cache_that_was_never_used_is_no_trouble(own, tmp_path):
    with passing_cache(tmp_path / "passing"):
        pass
    assert _is_as_before(own)
