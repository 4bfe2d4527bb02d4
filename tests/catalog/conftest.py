import pytest
from fake_index import FakeIndex

from matrixscan.catalog.index import Index


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fake = FakeIndex()
    fake.serve()
    yield fake
    fake.stop()


@pytest.fixture
def ask(server, tmp_path):
    """Open an index whose answers are old at once; each is closed at the end of the test."""
    opened = []

    def _ask(*, fresh=0.001, **variables):
        found = {"UV_DEFAULT_INDEX": f"{server.root}/simple", "UV_NO_CONFIG": "1", "HOME": str(tmp_path)} | variables
        index = Index(variables=found, folder=tmp_path, cache=tmp_path / "cache", fresh=fresh, backoff=0.01)
        opened.append(index)
        return index

    yield _ask
    for index in opened:
        index.close()
