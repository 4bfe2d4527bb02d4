"""Virtual environments, read without their interpreter."""

import pytest

from matrixscan.errors import PinsFileError
from matrixscan.pins.read import read_pins

HOME = "home = /usr/bin\ninclude-system-site-packages = {shared}\n{version}\n"


def environment(
    tmp_path, packages, *, version="version = 3.11.7", shared="false", where="lib/python3.11/site-packages"
):
    (tmp_path / where).mkdir(parents=True)
    (tmp_path / "pyvenv.cfg").write_text(HOME.format(shared=shared, version=version))
    for folder, text in packages.items():
        info = tmp_path / where / folder
        info.mkdir()
        (info / ("METADATA" if folder.endswith("dist-info") else "PKG-INFO")).write_bytes(text.encode())
    return tmp_path


def metadata(name, version):
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: x\n\nVersion: 9\n"


def test_packages_are_those_of_the_metadata(tmp_path):
    packages = {
        "torch-2.4.0+cpu.dist-info": metadata("torch", "2.4.0+cpu"),
        "Some.Thing-1.0.dist-info": metadata("Some.Thing", "1.0").replace("\n", "\r\n"),
        "old-0.1.egg-info": metadata("old", "0.1"),
    }
    pins = read_pins(environment(tmp_path, packages))
    assert pins.versions == {"torch": "2.4.0+cpu", "some-thing": "1.0", "old": "0.1"}
    assert (pins.python, pins.complete, pins.kind) == ("3.11.7", True, "environment")


@pytest.mark.parametrize(
    ("version", "where", "python"),
    [
        ("version_info = 3.8.18.final.0", "lib/python3.8/site-packages", "3.8.18"),
        ("version_info = 3.12.1", "Lib/site-packages", "3.12.1"),
        ("", "lib/python3.13/site-packages", "3.13"),
    ],
)
def test_the_python_is_that_of_the_settings_or_of_the_folder(tmp_path, version, where, python):
    assert read_pins(environment(tmp_path, {}, version=version, where=where)).python == python


def test_what_cannot_be_told_is_not_pinned(tmp_path):
    packages = {
        "a-1.dist-info": metadata("a", "1"),
        "a-2.dist-info": metadata("a", "2"),
        "b.dist-info": "Name: b\n",
        "c.dist-info": metadata("c", "not a version"),
    }
    pins = read_pins(environment(tmp_path, packages, shared="true"))
    assert (pins.versions, pins.loose, pins.complete) == ({}, {"a": "two versions"}, False)
    said = [note.replace(f"{tmp_path}/", "").partition(": ")[2] for note in pins.notes]
    assert said == [
        "a is there in two versions, 1 and 2; install it again",
        "says no name or no version; the package is left out",
        "says no name or no version; the package is left out",
        "packages of the system count too, and are not read",
    ]


def test_a_folder_that_is_no_environment_is_said(tmp_path):
    with pytest.raises(PinsFileError, match="no virtual environment"):
        read_pins(tmp_path)


BUILT = "from a URL or a folder"


def test_what_came_from_no_index_is_not_pinned(tmp_path):
    packages = {
        "torch-2.4.0.dist-info": metadata("torch", "2.4.0"),
        "onnx-1.16.0.dist-info": metadata("onnx", "1.16.0"),
        "numpy-1.26.4.dist-info": metadata("numpy", "1.26.4"),
    }
    folder = environment(tmp_path, packages)
    site = folder / "lib/python3.11/site-packages"
    (site / "torch-2.4.0.dist-info/direct_url.json").write_text('{"url": "https://host.example", "vcs_info": {}}')
    (site / "onnx-1.16.0.dist-info/direct_url.json").write_text("what no installer writes")
    pins = read_pins(folder)
    assert (pins.versions, pins.loose) == ({"numpy": "1.26.4"}, {"torch": BUILT, "onnx": BUILT})


def test_what_setup_py_leaves_is_there(tmp_path):
    folder = environment(tmp_path, {"numpy-1.0.dist-info": metadata("numpy", "1.0")})
    site = folder / "lib/python3.11/site-packages"
    (site / "torch.egg-link").write_text("/home/me/pytorch\n.")
    (site / "old-1.0.egg-info").write_text(metadata("old", "1.0"))
    egg = site / "onnx-1.16.0-py3.11.egg/EGG-INFO"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text(metadata("onnx", "1.16.0"))
    pins = read_pins(folder)
    assert (pins.versions, pins.loose) == ({"numpy": "1.0", "old": "1.0"}, {"torch": BUILT, "onnx": BUILT})


def test_an_installed_build_beside_a_release_is_the_build(tmp_path):
    packages = {f"torch-{version}.dist-info": metadata("torch", version) for version in ("2.3.0", "2.4.0")}
    folder = environment(tmp_path, packages)
    (folder / "lib/python3.11/site-packages/torch-2.3.0.dist-info/direct_url.json").write_text("{}")
    pins = read_pins(folder)
    assert (pins.versions, pins.loose) == ({}, {"torch": BUILT})


@pytest.mark.parametrize("python", ["3.11", "3.11.7"])
def test_another_python_than_that_of_the_environment_is_refused(tmp_path, python):
    folder = environment(tmp_path, {})
    assert read_pins(folder, python=python).python == python
    with pytest.raises(PinsFileError, match=r"its Python is 3\.11\.7, not 3\.8; correct --python"):
        read_pins(folder, python="3.8")
