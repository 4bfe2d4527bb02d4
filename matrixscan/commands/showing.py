"""What is published, as a folder of files that any web server can show."""

from __future__ import annotations

import shutil
from pathlib import Path

from matrixscan.commands.request import Outcome, places
from matrixscan.errors import MatrixscanError, NothingSelectedError
from matrixscan.reporters._site import FILE, MARK, render_site
from matrixscan.store.files import write_atomically


class NotASiteError(MatrixscanError):
    """The folder to write holds something else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds files and is no site that was written before; name an empty folder")


def site(folder: Path, title: str) -> Outcome:
    """Copy every published matrix below a folder and write a first page.

    Raises:
        NothingSelectedError: nothing is published.
        NotASiteError: the folder holds files and no first page of ours.
    """
    reports = places().reports
    found = sorted(path for path in reports.iterdir() if path.is_dir()) if reports.is_dir() else []
    if not found:
        raise NothingSelectedError("nothing is published in reports/", "scan a matrix first")
    if folder.exists() and any(folder.iterdir()):
        page = folder / FILE
        if not page.is_file() or MARK not in page.read_text(encoding="utf-8", errors="replace"):
            raise NotASiteError(folder)
        shutil.rmtree(folder)
    for matrix in found:
        shutil.copytree(matrix, folder / matrix.name)
    matrices = {matrix.name: [path.name for path in matrix.iterdir() if path.is_file()] for matrix in found}
    write_atomically(folder / FILE, render_site(title, matrices).encode())
    return Outcome(f"{len(found)} matrices in {folder.as_posix()}/{FILE}\n", 0)
