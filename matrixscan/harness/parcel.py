"""What an export side leaves for run sides: artifacts and references, each in a folder or file named by its digest.

Equal things made in two environments are one thing here, and are run once. An artifact's digest leaves out what no
runner computes with: who produced it, doc strings, metadata.
"""

import contextlib
import hashlib
import json
import os
import shutil
import zipfile

import numpy as np

from .protocol import STORE_FOLDERS

_ARTIFACTS, _REFERENCES = STORE_FOLDERS
_SIZES = "sizes.json"  # beside an artifact's files: how large they are
_HEAD = "head"  # the entry of a reference that holds everything but arrays


def keep_artifact(store, exporter, folder):
    """Copy an artifact's folder into the store, unless one like it is there, and return its digest."""
    digest = artifact_digest(exporter, folder)
    place = os.path.join(store, _ARTIFACTS, digest)
    if not holds_artifact(store, digest):
        building = "%s.%d" % (place, os.getpid())
        try:
            _copy(folder, building)
            os.rename(building, place)
        except OSError:
            shutil.rmtree(building, ignore_errors=True)
            if not os.path.isdir(place):
                raise
            # Another environment was faster; its copy has the same digest.
    return digest


def _copy(folder, building):
    """Copy a folder of files; an error keeps its number, which shutil.copytree loses."""
    os.makedirs(building, exist_ok=True)
    sizes = {name: os.path.getsize(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
    for name in sizes:
        shutil.copyfile(os.path.join(folder, name), os.path.join(building, name))
    with open(os.path.join(building, _SIZES), "w") as file:
        json.dump(sizes, file)


def holds_artifact(store, digest):
    """Return whether an artifact is there and whole; a damaged one is removed, so that it is made again."""
    folder = artifact_folder(store, digest)
    if not os.path.isdir(folder):
        return False
    try:
        with open(os.path.join(folder, _SIZES)) as file:
            sizes = json.load(file)
        whole = all(os.path.getsize(os.path.join(folder, name)) == size for name, size in sizes.items())
    except (FileNotFoundError, ValueError):
        whole = False
    if not whole:
        shutil.rmtree(folder, ignore_errors=True)
    return whole


def _reference_file(store, digest):
    return os.path.join(store, _REFERENCES, digest + ".npz")


def artifact_folder(store, digest):
    """Return the folder of an artifact."""
    return os.path.join(store, _ARTIFACTS, digest)


def artifact_digest(exporter, folder):
    """Return a digest over an artifact's files without what no runner computes with."""
    names = sorted(os.listdir(folder))
    try:
        parts = [
            name.encode() + b"\0" + exporter.essence(os.path.join(folder, name))
            for name in names
            if name.endswith(exporter.SUFFIX)
        ]
    except Exception:
        # Of another format, or too large for its library to hold: alike is then only what is equal to the byte.
        parts = [part for name in names for part in (name.encode() + b"\0", _file_digest(os.path.join(folder, name)))]
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:32]


def _file_digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.digest()


def keep_export(store, name, known):
    """Note what an export gave, for environments that would give the same."""
    place = _export_file(store, name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    building = "%s.%d" % (place, os.getpid())
    with open(building, "w") as file:
        json.dump(known, file)
    os.replace(building, place)


def find_export(store, name):
    """Return what an export of that name gave, if its artifact is still there."""
    try:
        with open(_export_file(store, name)) as file:
            known = json.load(file)
    except (OSError, ValueError):
        return None
    return known if holds_artifact(store, known["artifact"]) else None


def _export_file(store, name):
    return os.path.join(store, "exports", name + ".json")


def keep_reference(store, head, samples):
    """Write what eager was given and gave, unless it is there, and return its digest.

    Args:
        store: the store's folder.
        head: plain values that say whose reference it is and how its outputs are called.
        samples: the samples of `reference.run`, of nested dicts, lists, arrays and plain values.
    """
    arrays = []
    text = json.dumps({"head": head, "samples": _without_arrays(samples, arrays)}, sort_keys=False)
    total = hashlib.sha256(text.encode())
    for array in arrays:
        total.update(("%s%s" % (array.dtype.str, array.shape)).encode() + np.ascontiguousarray(array).tobytes())
    digest = total.hexdigest()[:32]
    place = _reference_file(store, digest)
    if read_reference(store, digest) is None:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        building = "%s.%d" % (place, os.getpid())
        try:
            with open(building, "wb") as file:
                np.savez(file, **{_HEAD: np.frombuffer(text.encode(), np.uint8)}, **_numbered(arrays))
            os.replace(building, place)
        except BaseException:  # what does not fit shall not fill the disk
            _remove(building)
            raise
    return digest


def read_reference(store, digest):
    """Return the head and the samples of a reference; None where it is lost.

    A damaged one is removed, so that it is made again.
    """
    place = _reference_file(store, digest)
    try:
        # Opened here: np.load leaves a file open that is no archive.
        with open(place, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            stored = json.loads(file[_HEAD].tobytes().decode())
            return stored["head"], _with_arrays(stored["samples"], file)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _remove(place)
        return None


def _remove(path):
    with contextlib.suppress(OSError):  # somebody else may have been faster
        os.remove(path)


def _numbered(arrays):
    return {"a%d" % at: array for at, array in enumerate(arrays)}


def _without_arrays(value, arrays):
    """Return plain values with the number of an array in the place of each."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": [[key, _without_arrays(item, arrays)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(item, arrays) for item in value]
    return float(value) if isinstance(value, np.floating) else value


def _with_arrays(value, file):
    if isinstance(value, list):
        return [_with_arrays(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return file["a%d" % value["array"]]
    return {key: _with_arrays(item, file) for key, item in value["dict"]}
