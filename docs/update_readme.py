"""Puts the Models table of reports/default/table.md into README.md; `--check` only says whether it is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(<!-- table: begin[^\n]*-->\n).*?(<!-- table: end -->)", re.DOTALL)
_MODELS = re.compile(r"^## Models\n\n(\|.*?\n)\n", re.DOTALL | re.MULTILINE)


def updated(readme: str, table: str) -> str:
    """Return the README with the Models table of a rendered table.md between its markers."""
    models = _MODELS.search(table)
    if models is None or not _BLOCK.search(readme):
        raise SystemExit("README.md has no table markers, or table.md has no Models table")
    return _BLOCK.sub(lambda block: f"{block.group(1)}\n{models.group(1)}\n{block.group(2)}", readme)


def main() -> None:
    """Rewrite README.md, or with --check exit with 1 if that would change it."""
    path = ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    after = updated(before, (ROOT / "reports/default/table.md").read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--check"]:
        raise SystemExit(0 if after == before else "README.md is not current: run nox -s readme")
    path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
