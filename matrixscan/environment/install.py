"""Installs a lock, hashes required, into an environment or into a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from matrixscan.environment import process
from matrixscan.environment.clean import tool_environment
from matrixscan.environment.create import INSTALLED_MARKER, Environment
from matrixscan.environment.lock import LockFile, torch_backend
from matrixscan.environment.uv import uv

_COMMON = ("--quiet", "--require-hashes", "--only-binary", ":all:")


class InstallError(Exception):
    """uv could not install the lock; the text is uv's."""

    def __init__(self, words: str, *, timed_out: bool) -> None:
        super().__init__(words)
        self.timed_out = timed_out


def install(environment: Environment, lock: LockFile, *, seconds: float) -> None:
    """Make the environment hold exactly what the lock pins; nothing to do where it already does.

    Raises:
        InstallError: a download, a hash or the disk failed.
    """
    marker = environment.folder / INSTALLED_MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8") == lock.sha256:
        return
    marker.unlink(missing_ok=True)
    pins = environment.folder / "lock.txt"
    pins.write_text(lock.text, encoding="utf-8")
    command = [uv(), "pip", "sync", *_COMMON, "--python", str(environment.python)]
    _install([*command, *torch_backend(lock.torch_index), str(pins)], seconds)
    marker.write_text(lock.sha256, encoding="utf-8")


def install_beside(environment: Environment, lock: LockFile, folder: Path, *, seconds: float) -> None:
    """Install a probe's own packages into `folder`, outside the environment under test.

    Raises:
        InstallError: as above.
    """
    marker = folder / INSTALLED_MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8") == lock.sha256:
        return
    marker.unlink(missing_ok=True)  # first: a removal that is killed halfway must not leave what looks whole
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pins = folder / "lock.txt"
    pins.write_text(lock.text, encoding="utf-8")
    command = [uv(), "pip", "install", *_COMMON, "--no-deps", "--python", str(environment.python)]
    _install([*command, "--target", str(folder), "-r", str(pins)], seconds)
    marker.write_text(lock.sha256, encoding="utf-8")


def _install(command: list[str], seconds: float) -> None:
    done = process.run(command, env=tool_environment(), timeout=seconds)
    if done.returncode != 0:
        raise InstallError(done.words.strip() or done.output.strip(), timed_out=done.timed_out)
