from pathlib import Path

import pytest

from matrixscan import commands


def test_every_command_is_where_the_table_says():
    assert set(commands.__all__) == set(commands._HOMES)
    assert all(getattr(commands, name).__module__.startswith("matrixscan.") for name in commands.__all__)


def test_no_command_has_the_name_of_a_module_which_would_hide_it():
    modules = {path.stem for path in Path(commands.__file__).parent.glob("*.py")}
    assert not modules & set(commands.__all__)


def test_a_name_that_is_no_command_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'scann'"):
        _ = commands.scann
