"""A PostgreSQL server of its own for the tests that need one, from the binaries that Debian's package installs."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PASSWORD = "p@ss/word"  # noqa: S105  has to be escaped in an address


def find_binaries():
    """Return the folder with initdb and postgres, or None."""
    found = [path.parent for path in map(shutil.which, ("initdb", "postgres")) if path for path in [Path(path)]]
    if shutil.which("pg_config"):
        asked = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(asked.stdout.strip()))
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if all((folder / name).is_file() for name in ("initdb", "postgres"))), None)


def _user():
    """Return whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Server:
    """Listens on a port of this machine, asks for a password, and keeps its data in a folder that goes with it."""

    def __init__(self, binaries):
        self.binaries, self.user = binaries, _user()
        # A folder of pytest's cannot be reached by another user.
        self.folder = Path(tempfile.mkdtemp(prefix="matrixscan-pg-"))

    def start(self):
        data, password = self.folder / "data", self.folder / "password"
        password.write_text(PASSWORD)
        for path in (self.folder, password):
            if self.user:
                os.chown(path, self.user["user"], self.user["group"])
        self._run(
            "initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", f"--pwfile={password}", "-N", "-E", "UTF8"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        command = [self.binaries / "postgres", "-D", data]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self.user)
        self._wait()

    def url(self, password="p%40ss%2Fword", database="postgres"):  # noqa: S107  of this server alone
        return f"postgresql://tester:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self):
        """Make an empty database and return its address."""
        import psycopg

        name = f"test_{secrets.token_hex(4)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(database=name)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # without waiting for clients
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name, *words):
        command = [self.binaries / name, *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self.user)

    def _wait(self):
        import psycopg

        for _ in range(200):
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self.folder / "log").read_text())
