import postgres_server
import pytest


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server."""
    binaries = postgres_server.find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    server = postgres_server.Server(binaries)
    try:
        server.start()
        yield server
    finally:
        if hasattr(server, "process"):
            server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """The address of an empty database, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.sqlite"
    return request.getfixturevalue("postgres").new_database()
