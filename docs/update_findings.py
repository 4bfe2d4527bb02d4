"""Writes docs/findings.md from reports/eras: its flips.json, and the tables the flips were found in.

`--check` only says whether the file is current. What a case did is what the tables say, never this text.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from matrixscan.analysis.agreement import agreement  # noqa: E402  the path comes first
from matrixscan.analysis.flips import flips, flips_of_json  # noqa: E402
from matrixscan.analysis.grid_evidence import experience_of  # noqa: E402
from matrixscan.analysis.grid_files import read_published  # noqa: E402
from matrixscan.analysis.grid_why import with_blame  # noqa: E402
from matrixscan.reporters._findings import head_of, render_findings  # noqa: E402
from matrixscan.store.diagnoses import Diagnoses  # noqa: E402
from matrixscan.store.packaging import PackagingReports  # noqa: E402

MATRIX = "eras"
#: Where the combinations lie that were measured again with everything in one environment.
JOINT = "eras_joint"

_SOURCE = (
    "Generated from `reports/{matrix}/` by `nox -s readme`. "
    "Every flip by itself, for programs, is in `reports/{matrix}/flips.json`."
)


def main() -> None:
    """Rewrite docs/findings.md, or with --check exit with 1 if that would change it."""
    path = ROOT / "docs/findings.md"
    text = rendered(ROOT / "reports")
    if sys.argv[1:] == ["--check"]:
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        raise SystemExit(0 if current == text else f"{path.name} is not current: run nox -s readme")
    path.write_text(text, encoding="utf-8")


def rendered(reports: Path, matrix: str = MATRIX, joint: str = JOINT) -> str:
    """Return the page.

    Args:
        reports: The folder of all published matrices.
        matrix: The one to tell of; its folder holds flips.json.
        joint: The matrix that repeats some of its combinations jointly; left out where it is not published.

    Raises:
        SystemExit: flips.json is not what the tables give.
    """
    published = read_published(reports / matrix)
    found = flips_of_json((reports / matrix / "flips.json").read_bytes())
    experience = experience_of(published.grid, Diagnoses(reports, joint).every())
    if found != with_blame(flips(published.grid), experience):
        raise SystemExit(f"flips.json is not current: run nox -s report -- matrices/{matrix}.toml")
    agreed = None
    if (reports / joint).is_dir():
        looked = PackagingReports(reports, joint).read_all().values()
        agreed = agreement(published.grid, read_published(reports / joint).grid, looked)
    told = {"source": _SOURCE.format(matrix=matrix)}
    if "command" not in published.about:
        told["command"] = f"nox -s scan -- matrices/{matrix}.toml"
    return render_findings(published.grid, found, head_of(matrix, published.about, **told), agreed)


if __name__ == "__main__":
    main()
