import datetime as dt
import os
import time

import pytest
from fake_index import wheel

from matrixscan.errors import IndexUnreachableError, NoSuchPackageError

PAGE = "/simple/pkg/"
LEGACY = "/pypi/pkg/json"
ONE = "pkg-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def legacy_file(filename, **more):
    return {"filename": filename, "size": 11, "upload_time_iso_8601": "2023-05-06T07:08:09.25Z"} | more


def test_a_json_page_says_all_and_nothing_else_is_asked(server, ask):
    server.put_json(
        "pkg",
        [
            server.file("pkg-2.0-py3-none-any.whl", "2024-03-01T00:00:00Z", **{"requires-python": ">=3.9"}),
            server.file(ONE, "2024-01-02T00:00:00Z"),
            server.file("pkg-1.0-cp310-cp310-win_amd64.whl", "2024-01-01T12:00:00.9Z", size=8),
            server.file("pkg-3.0-py3-none-any.whl", yanked="broken"),
            server.file("pkg-0.5.tar.gz"),
            server.file("pkg-x-py3-none-any.whl"),
        ],
    )
    releases = ask().releases(["pkg"])["pkg"]
    assert [release.version for release in releases] == ["1.0", "2.0", "3.0"]
    assert [release.yanked for release in releases] == [False, False, True]
    assert releases[0].uploaded == dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    assert releases[1].requires_python == ">=3.9"
    assert [(found.tags, found.size) for found in releases[0].wheels] == [
        ("cp310-cp310-win_amd64", 8),
        ("cp311-cp311-manylinux_2_28_x86_64", 7),
    ]
    assert not server.count(LEGACY)


def test_what_an_html_page_leaves_open_comes_from_the_legacy_json(server, ask):
    server.put_html(
        "pkg",
        [
            f'<a href="../../files/{ONE}#sha256=ab" data-upload-time="2024-02-03T04:05:06.5Z">{ONE}</a>',
            '<a href="x.whl" data-yanked="" data-requires-python="&gt;=3.7">pkg-2.0-py3-none-any.whl</a>',
        ],
    )
    known = [legacy_file(ONE, requires_python=">=3.8"), legacy_file("pkg-2.0-py3-none-any.whl", requires_python="x")]
    server.put_legacy("pkg", {"info": {"version": "1.0", "requires_dist": None}, "releases": {"1.0": known}})
    one, two = ask().releases(["pkg"])["pkg"]
    assert one.uploaded == dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert two.uploaded == dt.datetime(2023, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    assert (one.requires_python, two.requires_python) == (">=3.8", ">=3.7")
    assert (one.wheels[0].size, two.wheels[0].size) == (11, 11)
    assert (one.yanked, two.yanked) == (False, True)


def test_an_html_page_without_legacy_json_leaves_unknown_what_it_does_not_say(server, ask):
    server.put_html("pkg", [f'<a href="{ONE}">{ONE}</a>'])
    (release,) = ask().releases(["pkg"])["pkg"]
    assert (release.uploaded, release.requires_python, release.wheels[0].size) == (None, "", None)


def test_a_yanked_wheel_of_a_release_that_has_others_is_not_offered(server, ask):
    server.put_json("pkg", [server.file(ONE), server.file("pkg-1.0-py3-none-any.whl", yanked=True)])
    (release,) = ask().releases(["pkg"])["pkg"]
    assert not release.yanked
    assert [found.tags for found in release.wheels] == ["cp311-cp311-manylinux_2_28_x86_64"]


def test_wheels_that_disagree_on_python_leave_it_to_their_tags(server, ask):
    python = {"requires-python": ">=3.8"}
    server.put_json("pkg", [server.file(ONE, **python), server.file("pkg-1.0-py3-none-any.whl")])
    assert ask().releases(["pkg"])["pkg"][0].requires_python == ""


def test_an_unchanged_page_is_not_sent_again(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    first = ask().releases(["pkg"])
    time.sleep(0.01)
    again = ask()
    assert again.releases(["pkg"]) == first
    assert (server.count(PAGE, 200), server.count(PAGE, 304)) == (1, 1)
    assert again.notes == ()
    server.put_json("pkg", [server.file(ONE), server.file("pkg-2.0-py3-none-any.whl")])
    time.sleep(0.01)
    assert len(ask().releases(["pkg"])["pkg"]) == 2


def test_a_fresh_answer_is_not_asked_for_again(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    for _ in range(2):
        ask(fresh=600).releases(["pkg"])
    assert server.count(PAGE) == 1


def test_a_server_that_fails_for_a_moment_is_asked_again(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    server.failing[PAGE] = 2
    index = ask()
    assert len(index.releases(["pkg"])["pkg"]) == 1
    assert server.count(PAGE, 503) == 2
    assert index.notes == ()


@pytest.mark.parametrize("trouble", ["slow", "failing", "offline", "gone"])
def test_what_was_said_earlier_is_used_where_nobody_answers_and_the_user_hears_of_it(server, ask, trouble):
    server.put_json("pkg", [server.file(ONE)])
    first = ask().releases(["pkg"])
    time.sleep(0.01)
    variables = {"UV_HTTP_TIMEOUT": "0.1"}
    if trouble == "slow":
        server.slow = 0.4
    elif trouble == "failing":
        server.failing[PAGE] = 99
    elif trouble == "offline":
        variables["UV_OFFLINE"] = "1"
    else:
        server.server.socket.close()
    index = ask(**variables)
    assert index.releases(["pkg"]) == first
    assert index.notes == ("pkg: the index does not answer; what it said 0 min ago is used",)
    assert "127.0.0.1" not in "".join(index.notes)


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"UV_OFFLINE": "1"}, "no connection"), ({"UV_HTTP_TIMEOUT": "0.05"}, "no answer in time"), ({}, "status 503")],
)
def test_without_an_earlier_answer_the_error_names_the_package_and_no_address(server, ask, variables, said):
    server.put_json("pkg", [server.file(ONE)])
    server.slow = 0.2 if "UV_HTTP_TIMEOUT" in variables else 0.0
    server.failing[PAGE] = 99
    with pytest.raises(IndexUnreachableError, match=said) as caught:
        ask(**variables).releases(["pkg"])
    assert "'pkg'" in str(caught.value) or " pkg " in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_package_of_no_index_is_named(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    index = ask()
    with pytest.raises(NoSuchPackageError, match="'other'"):
        index.releases(["pkg", "other"])
    assert list(index.releases(["pkg", "other"], absent=True)) == ["pkg"]


def test_an_answer_that_is_no_page_is_an_error(server, ask):
    server.pages[PAGE] = ("image/png", b"x")
    with pytest.raises(IndexUnreachableError, match="image/png"):
        ask().releases(["pkg"])


REQUIRES = ["numpy >=1.2 ; python_version >= '3.8'", "six", "pytest ; extra == 'test'", "not a requirement !"]
KNOWN = ('numpy>=1.2; python_version >= "3.8"', "six")


def test_requirements_come_from_the_file_beside_an_announcing_wheel_and_are_kept_for_ever(server, ask):
    server.put_json("pkg", [server.file(ONE, **{"core-metadata": True})])
    body = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n" + "".join(f"Requires-Dist: {x}\n" for x in REQUIRES)
    server.pages[f"/files/{ONE}.metadata"] = ("text/plain", body.encode())
    assert ask().requires({"pkg": ["1.0"]}) == {"pkg": {"1.0": KNOWN}}
    time.sleep(0.01)
    assert ask(UV_OFFLINE="1").requires({"pkg": ["1.0"]}) == {"pkg": {"1.0": KNOWN}}
    assert server.count(f"/files/{ONE}.metadata") == 1


def test_requirements_of_a_silent_wheel_are_read_through_ranges(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    body = wheel(REQUIRES, padding=2_000_000)
    server.put_wheel(ONE, body)
    index = ask()
    assert index.requires({"pkg": ["1.0"]}) == {"pkg": {"1.0": KNOWN}}
    assert server.sent[f"/files/{ONE}"] < len(body) / 10
    assert index.notes == ()


def test_a_wheel_without_requirements_is_not_unknown(server, ask):
    server.put_json("pkg", [server.file(ONE)])
    server.put_wheel(ONE, wheel([]))
    assert ask().requires({"pkg": ["1.0"]}) == {"pkg": {"1.0": ()}}


@pytest.mark.parametrize("trouble", ["no ranges", "no zip", "no file"])
def test_requirements_nobody_says_are_unknown_never_none_at_all(server, ask, trouble):
    server.put_json("pkg", [server.file(ONE)])
    server.ranges = trouble != "no ranges"
    if trouble != "no file":
        server.put_wheel(ONE, b"x" * 1000 if trouble == "no zip" else wheel(REQUIRES))
    index = ask()
    assert index.requires({"pkg": ["1.0", "9.9"]}) == {"pkg": {"1.0": None, "9.9": None}}
    assert index.notes == ("pkg: the index does not say what some releases require",)


def test_the_legacy_json_says_what_the_newest_release_requires(server, ask):
    server.put_html("pkg", [f'<a href="{ONE}">{ONE}</a>'])
    info = {"version": "1.0.0", "requires_dist": REQUIRES}
    server.put_legacy("pkg", {"info": info, "releases": {}})
    assert ask().requires({"pkg": ["1.0"]}) == {"pkg": {"1.0": KNOWN}}


def test_the_first_index_that_has_a_package_counts(server, ask):
    server.put_json("pkg", [server.file("pkg-9-py3-none-any.whl")])
    server.pages["/more/simple/pkg/"] = server.pages[PAGE]
    server.put_json("pkg", [server.file(ONE)])
    server.put_json("only", [server.file("only-1-py3-none-any.whl")])
    index = ask(UV_INDEX=f"extra={server.root}/more/simple")
    found = {name: [release.version for release in known] for name, known in index.releases(["pkg", "only"]).items()}
    assert found == {"pkg": ["9"], "only": ["1"]}
    assert index.name.startswith("custom-")
    assert index.name != ask().name


def test_credentials_go_to_their_own_host_and_are_not_kept(server, ask, tmp_path):
    other = server.root.replace("127.0.0.1", "localhost")
    server.put_json("pkg", [server.file(ONE, url=f"{other}/files/{ONE}")])
    server.put_wheel(ONE, wheel([]))
    url = server.root.replace("http://", "http://me:s3cr%2Ft@") + "/simple"
    index = ask(UV_DEFAULT_INDEX=url)
    index.requires({"pkg": ["1.0"]})
    index.close()
    assert server.authorized[PAGE] == 1
    assert server.authorized[f"/files/{ONE}"] == 0
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert kept
    for secret in (b"s3cr", b"bWU6czNjci90"):
        assert secret not in kept


def test_netrc_is_read(server, ask, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", os.fspath(tmp_path / "netrc"))
    server.put_json("pkg", [server.file(ONE)])
    ask().releases(["pkg"])
    assert server.authorized[PAGE] == 1


def test_a_cache_that_cannot_be_written_is_no_condition(server, ask, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    server.put_json("pkg", [server.file(ONE)])
    assert ask().releases(["pkg"])


def test_a_damaged_cache_is_no_condition(server, ask, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pages.sqlite").write_bytes(b"no database at all" * 99)
    server.put_json("pkg", [server.file(ONE)])
    assert ask().releases(["pkg"])


def test_a_legacy_json_that_fails_costs_its_facts_and_the_user_hears_of_it(server, ask):
    server.put_html("pkg", [f'<a href="{ONE}">{ONE}</a>'])
    server.failing[LEGACY] = 99
    index = ask()
    assert index.releases(["pkg"])["pkg"][0].uploaded is None
    assert index.notes == ("pkg: the index's JSON does not answer; dates, sizes and Pythons may be missing",)
