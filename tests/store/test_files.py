import os
from pathlib import Path

import pytest

from matrixscan.store.files import write_atomically


def test_folders_are_made_and_the_text_is_replaced_whole(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("trouble", [OSError("disk full"), KeyboardInterrupt()])
def test_the_old_text_survives_whatever_happens_on_the_way(tmp_path, monkeypatch, moment, trouble):
    path = tmp_path / "b.txt"
    write_atomically(path, b"old")

    def fail(*_):
        raise trouble

    monkeypatch.setattr(*((os, "fsync") if moment == "fsync" else (Path, "replace")), fail)
    with pytest.raises(type(trouble)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.txt"]
