"""A PostgreSQL server of the tests' own, and the stores that every contract is asked of."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from recommender.store import ArticleStore, open_store
from tests.support.missing_software import skip_or_fail
from tests.support.waiting import PATIENCE_SECONDS as WAITING_SECONDS
from tests.support.waiting import until

DATABASES = ("sqlite", "postgresql")
TEMPLATE = "migrated"
SUPERUSER = "editor"
PASSWORD = "hunter2"  # noqa: S105 - nobody is let in by it
PATIENCE_SECONDS = 60.0
"""How long a write of a test waits for other writers, which a busy machine may hold up."""

Open = Callable[..., ArticleStore]


def server_binaries() -> Path | None:
    """Where PostgreSQL's programs lie, the newest first; Debian keeps them off the PATH."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    on_path = shutil.which("initdb")
    initdb = newest or (Path(on_path).resolve() if on_path else None)
    return initdb.parent if initdb else None


def unprivileged_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: the user to run it as, for `subprocess`."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class PostgreSQL:
    """A server that is reached over a Unix socket in its folder, and may be killed."""

    binaries: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def make(cls, binaries: Path) -> "PostgreSQL":
        """A new, running server in a short temporary folder, as the socket's name demands."""
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        identity = unprivileged_user()
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        server = cls(binaries, folder)
        options = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        subprocess.run(  # noqa: S603 - a program of the system
            [binaries / "initdb", "-D", folder / "data", *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **identity,
        )
        access = "local all stranger scram-sha-256\nlocal all all trust\n"
        (folder / "data" / "pg_hba.conf").write_text(access)
        server.start()
        return server

    def start(self) -> None:
        """Start, and wait until it answers; one that was killed first has to be gone for good."""
        if not until(self._runs):
            raise TimeoutError((self.folder / "log").read_text())

    def _runs(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            self.process = self._spawn()
        asked = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - as above

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a program of the system
                [
                    *(self.binaries / "postgres", "-D", self.folder / "data"),
                    *("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"),
                    *("-c", "fsync=off"),  # the machine will not fail, and databases come and go
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **unprivileged_user(),
            )

    def kill(self, by: signal.Signals = signal.SIGKILL) -> None:
        """End it, by default as a crash would."""
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait(WAITING_SECONDS)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No process of the server runs while the block does; its connections stay open."""
        assert self.process is not None
        stopped = [self.process.pid]
        try:
            self.process.send_signal(signal.SIGSTOP)  # first: it starts no more children then
            stopped = self.processes
            for process in stopped:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in stopped:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    @property
    def processes(self) -> list[int]:
        """The server's process and its children, while it runs."""
        if self.process is None or self.process.poll() is not None:
            return []
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text()
        return [number, *map(int, children.split())]

    def remove(self) -> None:
        """Stop the server at once and take away its files."""
        self.kill(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """The address of a database; its password is not asked for."""
        return f"postgresql://{user}:{PASSWORD}@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement as its superuser; the rows it answers."""
        import psycopg  # noqa: PLC0415 - only where there is a server

        with closing(
            psycopg.connect(host=str(self.folder), user=SUPERUSER, dbname=database, autocommit=True)
        ) as connection:
            answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    def make_database(self, template: str = TEMPLATE) -> str:
        """A database of the template's; its name."""
        name = f"d{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, even if it is in use."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server_with(name: str) -> Iterator[PostgreSQL]:
    """A server with an empty database, for a program; the program ends if none is installed."""
    binaries = server_binaries()
    if binaries is None:
        sys.exit("PostgreSQL's server is not installed: apt-get install postgresql")
    server = PostgreSQL.make(binaries)
    try:
        server.execute(f"CREATE DATABASE {name}")
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The server of this session; its template holds an empty store."""
    if find_spec("psycopg") is None:
        skip_or_fail("psycopg is not installed: pip install '.[postgresql]' in the checkout")
    binaries = server_binaries()
    if binaries is None:
        skip_or_fail("PostgreSQL's server is not installed: apt-get install postgresql")
    server = PostgreSQL.make(binaries)
    try:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        open_store(server.url(TEMPLATE)).close()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store to copy: the migrations take ten times as long."""
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    open_store(f"sqlite:///{path}").close()
    return path


@contextmanager
def _new_address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), folder / "a.db")
        yield f"sqlite:///{folder / 'a.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.make_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(params=DATABASES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store of the test's own, on every database there is."""
    with _new_address(request, tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=DATABASES)
def shared_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a store that the tests of a module share."""
    with _new_address(request, tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def reopen(address: str) -> Iterator[Open]:
    """Opens the same store, as often as it is called."""
    opened: list[ArticleStore] = []

    def make(patience_seconds: float = PATIENCE_SECONDS) -> ArticleStore:
        opened.append(open_store(address, patience_seconds))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Open) -> ArticleStore:
    """A store of the test's own."""
    return reopen()
