import importlib.util
from pathlib import Path

import pytest


def shared(name):
    """Return a module of the analysis tests: both folders speak of the same records."""
    path = Path(__file__).parents[1] / "analysis" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"shared_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def record_samples():
    return shared("record_samples")


@pytest.fixture(scope="session")
def certified_samples():
    return shared("certified_samples")


@pytest.fixture
def scan_view(record_samples):
    return record_samples.scan()
