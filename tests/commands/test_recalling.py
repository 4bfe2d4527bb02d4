"""The commands of the history, on the records that are published with this project."""

from pathlib import Path

import pytest

from matrixscan import commands
from matrixscan.errors import UnknownNameError
from matrixscan.store.published import published_records

ROOT = Path(__file__).parents[2]


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return str(tmp_path / "history.sqlite")


def test_published_records_are_imported_once_whichever_files_they_are(history):
    smoke, zoo = (sum(1 for _ in published_records(ROOT / "reports" / name)) for name in ("smoke", "seeds"))
    first = commands.import_history(["smoke", "matrices/seeds.toml"], history).text
    assert f"smoke: {smoke} new records" in first
    assert f"seeds: {zoo} new records" in first
    assert "smoke: 0 new records, 0 new cases" in commands.import_history(["smoke"], history).text
    shown = commands.show_history((), history).text
    assert "smoke" in shown
    assert "seeds" in shown
    assert "Flaky" not in shown
    trends = commands.show_trends("op_avg_pool_ceil", history).text
    assert "1.11.0" in trends
    with pytest.raises(UnknownNameError, match="did you mean 'op_avg_pool_ceil'"):
        commands.show_trends("op_avg_pool_cel", history)
    with pytest.raises(UnknownNameError):
        commands.show_history(["environment"], history)


def test_an_empty_history_says_so(history):
    assert "the history is empty" in commands.show_history((), history).text
