"""What helps a project to begin: the schema of matrix files and a starter."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from matrixscan.matrix import schema
from matrixscan.store.files import write_atomically


def schema_text() -> str:
    """Return the JSON Schema of matrix files."""
    return schema.schema_text()


def init(folder: str) -> list[str]:
    """Write a starter matrix, its schema, a probe and a noxfile; return what was written and what was left alone."""
    starter = resources.files("matrixscan") / "starter"
    texts = {
        "matrices/mine.toml": (starter / "matrix.toml").read_text(encoding="utf-8"),
        "matrices/matrix.schema.json": schema_text(),
        "probes/my_model.py": (starter / "my_model.py.txt").read_text(encoding="utf-8"),
        "noxfile.py": (starter / "noxfile.py.txt").read_text(encoding="utf-8"),
    }
    lines = []
    for name, text in texts.items():
        path = Path(folder) / name
        if path.exists():
            lines.append(f"kept    {path} (it exists)")
            continue
        write_atomically(path, text.encode())
        lines.append(f"wrote   {path}")
    return [*lines, "next    nox -s scan   or   python -m matrixscan scan mine"]
