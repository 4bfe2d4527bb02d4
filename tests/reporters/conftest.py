import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def record_samples():
    """Return the builders of the analysis tests: both folders speak of the same records."""
    path = Path(__file__).parents[1] / "analysis" / "record_samples.py"
    spec = importlib.util.spec_from_file_location("shared_record_samples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scan_view(record_samples):
    return record_samples.scan()
