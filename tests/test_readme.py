import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent

_spec = importlib.util.spec_from_file_location("update_readme", ROOT / "docs/update_readme.py")
update_readme = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(update_readme)


def test_the_readme_holds_the_table_of_the_published_default_reports():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = (ROOT / "reports/default/table.md").read_text(encoding="utf-8")
    assert update_readme.updated(readme, table) == readme


def test_another_table_would_change_the_readme():
    readme = "# x\n<!-- table: begin (nox -s readme) -->\nold\n<!-- table: end -->\nrest\n"
    table = "# t\n\n## Models\n\n| a |\n| --- |\n| 1 |\n\n- legend\n"
    changed = update_readme.updated(readme, table)
    assert "| a |\n| --- |\n| 1 |\n" in changed
    assert "old" not in changed
    assert changed.endswith("<!-- table: end -->\nrest\n")
    assert "legend" not in changed
