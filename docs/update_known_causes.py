"""Writes the tables of docs/known-causes.md from matrixscan/analysis/known_causes.toml.

`--check` only says whether the file is current. `--cases` prints the published cases that every entry is the certain
cause of, one of each combination: what `verified` can name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from matrixscan.analysis.blame import WHOSE  # noqa: E402  the path comes first
from matrixscan.analysis.cause_match import Cause  # noqa: E402
from matrixscan.analysis.causes import causes_of_cases, load_causes, versions_of  # noqa: E402
from matrixscan.analysis.judge import settle_cases  # noqa: E402
from matrixscan.store.published import published_records  # noqa: E402

_BEGIN = "<!-- tables: written by docs/update_known_causes.py -->"
_HEAD = "| id | what goes wrong | where | what to do | seen in |\n| --- | --- | --- | --- | --- |"
_SIDES = ("stage", "reason", "exporter", "precision", "runner", "operator", "torch_operation", "probe")


def main() -> None:
    """Rewrite the tables, or with --check exit with 1 if that would change them."""
    if sys.argv[1:] == ["--cases"]:
        sys.stdout.write("\n".join(hits(load_causes())) + "\n")
        return
    path = ROOT / "docs/known-causes.md"
    current = path.read_text(encoding="utf-8")
    text = page(current, load_causes())
    if sys.argv[1:] == ["--check"]:
        raise SystemExit(0 if current == text else f"{path.name} is not current: run nox -s readme")
    path.write_text(text, encoding="utf-8")


def page(current: str, causes: Sequence[Cause]) -> str:
    """Return the page with its tables written again; what stands above them is written by hand."""
    head, _, _ = current.partition(_BEGIN)
    parts = [f"{head}{_BEGIN}"]
    for whose in WHOSE:
        rows = [_row(cause) for cause in causes if cause.whose == whose]
        if rows:
            parts.append("\n".join([f"### {whose[0].upper()}{whose[1:]}\n", _HEAD, *rows]))
    return "\n\n".join(parts) + "\n"


def _row(cause: Cause) -> str:
    link = f" ([upstream]({cause.upstream}))" if cause.upstream else ""
    what = f"**{cause.title}.** {cause.cause}{link}"
    seen = ", ".join(dict.fromkeys(reference.matrix for reference in cause.verified))
    cells = (f"`{cause.id}`", what, _where(cause), cause.fix, seen or f"unverified: {cause.unverified}")
    return f"| {' | '.join(_cell(text) for text in cells)} |"


def _where(cause: Cause) -> str:
    when = cause.when
    conditions = [f"{package} `{text}`" for package, text in sorted(when.versions.items())]
    if when.opset:
        conditions.insert(0, f"opset `{when.opset}`")
    conditions += [f"{name.replace('_', ' ')} `{value}`" for name in _SIDES if (value := getattr(when, name))]
    return ", ".join(conditions)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def hits(causes: Sequence[Cause]) -> Iterator[str]:
    """Yield a reference for every entry and published combination with a case of it, as `verified` wants it."""
    for folder in sorted((ROOT / "reports").iterdir()):
        if not ((folder / "records").is_dir() or (folder / "cases.parquet").is_file()):
            continue
        for record in published_records(folder):
            first: dict[str, str] = {}
            for case, found in causes_of_cases(causes, versions_of(record), settle_cases(record.cases)).items():
                for match in found:
                    if match.certainty == "certain":
                        first.setdefault(match.cause.id, case)
            for name, case in first.items():
                yield f'{name}: {{ matrix = "{folder.name}", cell = "{record.id}", case = "{case}" }},'


if __name__ == "__main__":
    main()
