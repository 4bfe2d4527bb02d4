from pathlib import Path

import pytest

from matrixscan.catalog.uv_settings import Endpoint, endpoints, is_offline, name_of
from matrixscan.errors import IndexSettingsError

DEFAULT = "https://index.example/simple/"


@pytest.fixture
def urls(tmp_path):
    def _urls(**variables):
        found = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")} | variables
        return [endpoint.url for endpoint in endpoints(found, tmp_path / "a" / "b", DEFAULT)]

    (tmp_path / "a" / "b").mkdir(parents=True)
    return _urls


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_settings_there_is_the_default_alone(urls):
    assert urls() == [DEFAULT]


def test_variables_name_indexes_and_the_default_comes_last(urls):
    found = urls(
        UV_INDEX="one=https://one.example/simple https://two.example/s/?x=1=2",
        UV_EXTRA_INDEX_URL="https://three.example",
        UV_DEFAULT_INDEX="main=https://main.example/simple",
        UV_INDEX_URL="https://loses.example",
    )
    assert found == [
        "https://one.example/simple/",
        "https://two.example/s/",
        "https://three.example/",
        "https://main.example/simple/",
    ]
    assert urls(UV_INDEX_URL="https://old.example/simple/") == ["https://old.example/simple/"]


def test_the_nearest_project_file_the_users_and_the_systems_are_read(urls, tmp_path):
    write(
        tmp_path / "a" / "pyproject.toml",
        '[[tool.uv.index]]\nurl = "https://p.example"\n'
        '[[tool.uv.index]]\nurl = "https://torch.example"\nname = "t"\nexplicit = true\n'
        '[[tool.uv.index]]\nurl = "https://flat.example"\nformat = "flat"\n',
    )
    write(tmp_path / "a" / "b" / "pyproject.toml", '[project]\nname = "no settings of uv"\n')
    write(tmp_path / "home" / ".config" / "uv" / "uv.toml", 'extra-index-url = ["https://u.example"]\n')
    write(tmp_path / "etc" / "uv" / "uv.toml", '[[index]]\nurl = "https://s.example"\ndefault = true\n')
    assert urls() == ["https://p.example/", "https://u.example/", "https://s.example/"]
    write(tmp_path / "a" / "uv.toml", 'index-url = "https://other.example"\n')
    assert urls() == ["https://u.example/", "https://s.example/"]
    assert urls(UV_NO_CONFIG="1") == [DEFAULT]
    assert urls(UV_CONFIG_FILE=str(tmp_path / "a" / "uv.toml")) == ["https://other.example/"]
    assert urls(UV_DEFAULT_INDEX="https://v.example") == ["https://u.example/", "https://v.example/"]


def test_credentials_are_taken_out_of_the_address():
    (found,) = endpoints(
        {"UV_INDEX_URL": "https://me:p%40ss@x.example:8/simple", "UV_NO_CONFIG": "1"}, Path("/"), DEFAULT
    )
    assert found == Endpoint("https://x.example:8/simple/", "me", "p@ss")


def test_credentials_of_a_named_index_may_be_variables():
    variables = {
        "UV_INDEX": "my-own=https://x.example",
        "UV_INDEX_MY_OWN_USERNAME": "me",
        "UV_INDEX_MY_OWN_PASSWORD": "p",
    }
    found = endpoints(variables | {"UV_NO_CONFIG": "1"}, Path("/"), DEFAULT)
    assert found == (Endpoint("https://x.example/", "me", "p"), Endpoint(DEFAULT))


@pytest.mark.parametrize("url", ["file:///opt/simple", "/opt/simple", "name=../simple"])
def test_what_is_not_reached_over_http_is_refused(urls, url):
    with pytest.raises(IndexSettingsError, match="is not reached over HTTP"):
        urls(UV_INDEX=url)


def test_a_damaged_settings_file_is_named(urls, tmp_path):
    write(tmp_path / "a" / "b" / "uv.toml", "index = [")
    with pytest.raises(IndexSettingsError, match=r"uv\.toml of uv cannot be read"):
        urls()


def test_a_name_tells_indexes_apart_and_says_no_address():
    plain, secret, other = (
        endpoints({"UV_DEFAULT_INDEX": url, "UV_NO_CONFIG": "1"}, Path("/"), DEFAULT)
        for url in ("https://x.example/simple", "https://me:p@x.example/simple/", "https://y.example/simple")
    )
    assert name_of(endpoints({"UV_NO_CONFIG": "1"}, Path("/"), DEFAULT), DEFAULT) == "default"
    assert name_of(plain, DEFAULT) == name_of(secret, DEFAULT) != name_of(other, DEFAULT)
    assert "example" not in name_of(plain, DEFAULT)


def test_offline_is_a_variable_of_uv():
    assert [is_offline({"UV_OFFLINE": text}) for text in ("1", "true", "0", "")] == [True, True, False, False]
    assert not is_offline({})
