"""Shared fixtures: a database, clocks, virtual cameras on loopback, and the detection of blocking calls."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher
from blockbuster import BlockBuster, blockbuster_ctx
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

import station.schema
from cameras.virtual.clip import LoopClip, encode
from cameras.virtual.rtsp_server import Mount, RtspServer
from cameras.virtual.scene import Street
from core.accounts import passwords
from core.clock import ManualClock
from core.database import Database
from tests import postgres, schema_copy, shared_folder
from tests.postgres import AUDIT_KEY

ROOT = Path(__file__).parent.parent
MEMORY, ENOUGH = Path("/dev/shm"), 6 << 30


def _on_memory() -> None:
    """Put temporary files into memory if it is large enough: the thousands of fsyncs of the tests then wait for no
    disk.

    The benchmark `./minwang bench recorder` tests what a power cut leaves on a disk (its part `power`).
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH:
        os.environ.setdefault("TMPDIR", str(MEMORY))
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
        tempfile.tempdir = os.environ["TMPDIR"]


def _keep_bytecode() -> None:
    """Compile each module once per checkout, also where PYTHONDONTWRITEBYTECODE is set.

    Without bytecode the import of all commands takes 8 s of CPU instead of 3.5 s, and the suite starts a Python process
    several hundred times. Nothing is written beside the sources.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(ROOT / ".pytest_cache" / "bytecode")
        sys.dont_write_bytecode = False


_on_memory()
_keep_bytecode()
if not os.environ.get("CI"):  # as hypothesis's own profile for CI: a busy machine is not an error of the code
    hypothesis.settings.register_profile("minwang", deadline=None)
    hypothesis.settings.load_profile("minwang")
SHARED = ROOT.parent / "shared"
FOOTAGE = SHARED / "data" / "footage"
MODELS = SHARED / "data" / "models"
ONVIF_REPLIES = SHARED / "data" / "onvif"

# Tests of the demo's cameras, which have fixed addresses: files and folders.
DEMO = ("tests/station/test_station.py", "tests/web/browser/", "tests/web/test_onboarding.py")
ORDER = ("station", "nvr", "web", "cameras", "search")
DATABASE_FIXTURES = {"database", "either_database", "postgresql", "chosen_address", "station_database"}

needs_footage = pytest.mark.skipif(not FOOTAGE.is_dir(), reason=f"real footage is not here: {FOOTAGE} is missing")
needs_models = pytest.mark.skipif(not MODELS.is_dir(), reason=f"detector models are not here: {MODELS} is missing")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="On which database the tests run that use one.",
    )


def _turn(item: pytest.Item) -> int:
    file = item.path.relative_to(ROOT)
    if str(file).startswith(DEMO):
        return -1
    return ORDER.index(file.parts[1]) if file.parts[1] in ORDER else len(ORDER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the slowest tests first. On PostgreSQL, select only the tests that use a database."""
    items.sort(key=_turn)
    if config.getoption("--database") == "sqlite":
        return
    chosen = [i for i in items if DATABASE_FIXTURES & set(getattr(i, "fixturenames", ())) and "[sqlite" not in i.nodeid]
    config.hook.pytest_deselected(items=[i for i in items if i not in set(chosen)])
    items[:] = chosen


class FileScheduling(LoadScopeScheduling):
    """Scheduling for several workers: one file runs on one worker, and so do all files that share fixed addresses."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file.startswith(DEMO):
            return "demo"
        return "cameras" if file.startswith("tests/cameras/") else file


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shared_folder.create()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shared_folder.remove()


@pytest.hookimpl(optionalhook=True)  # also runs without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.fixture(autouse=True)
def _no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test if the event loop makes a blocking call."""
    with blockbuster_ctx() as buster:
        buster.functions["os.path.abspath"].deactivate()  # reads the working directory, not the disk
        yield buster


@pytest.fixture(autouse=True, scope="session")
def _cheap_passwords() -> Iterator[None]:
    """Make password hashes cheap for thousands of accounts; tests.core.accounts.test_passwords checks the real cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_DUMMY_HASH", passwords.hash_password("nobody"))
        yield


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Restore the umask: a command that runs inside a test sets the station's (027)."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _no_hidden_failures(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test also for an exception that the product only logged."""
    yield
    hidden = [r.getMessage() for r in caplog.get_records("call") if r.exc_info]
    assert not hidden, hidden


@functools.cache
def _migrated() -> bytes:
    """Return the file of an empty database."""
    assert station.schema.TABLE_MODULES
    return schema_copy.schema_file().read_bytes()


@pytest.fixture(autouse=True, scope="session")
def _copied_schemas() -> Iterator[None]:
    """Copy the schema into new SQLite databases, also of whole stations (tests.schema_copy)."""
    undo = schema_copy.install()
    yield
    undo()


@pytest.fixture(scope="session")
def migrated_file() -> bytes:
    """The content of an empty SQLite database file."""
    return _migrated()


@asynccontextmanager
async def open_database(folder: Path, name: str = "test.db", content: bytes = b"") -> AsyncIterator[Database]:
    """Open a new database in a folder: `content`, or an empty one."""
    file = folder / name
    await asyncio.to_thread(lambda: file.write_bytes(content or _migrated()))
    db = Database(f"sqlite+aiosqlite:///{file}", AUDIT_KEY)
    try:
        yield db
    finally:  # also if hypothesis abandons an example
        await db.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server (tests.postgres)."""
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def server_address(request: pytest.FixtureRequest) -> str:
    """Address of the database server; empty: an SQLite file."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.fixture
async def either_database(server_address: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A new database, once on SQLite and once on PostgreSQL."""
    async with postgres.open_database(server_address) if server_address else open_database(tmp_path) as db:
        yield db


@pytest.fixture
async def postgresql_database(postgresql: str) -> AsyncIterator[Database]:
    """A new database on PostgreSQL, for behaviour that only it has."""
    async with postgres.open_database(postgresql) as db:
        yield db


@pytest.fixture(scope="session")
def chosen_address(request: pytest.FixtureRequest) -> str:
    """Address of the server of `--database postgresql`; empty: an SQLite file."""
    chosen = request.config.getoption("--database") == "postgresql"
    return request.getfixturevalue("postgresql") if chosen else ""


@pytest.fixture
async def database(chosen_address: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A new database on the system that `--database` selects."""
    async with postgres.open_database(chosen_address) if chosen_address else open_database(tmp_path) as db:
        yield db


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def street_clip(
    seed: int = 1, *, codec: str = "h264", seconds: float = 4.0, fps: float = 10.0, size: tuple[int, int] = (320, 180)
) -> LoopClip:
    return encode(Street(seed, size).frames(int(seconds * fps)), codec=codec, fps=fps, gop=int(fps))


@pytest.fixture(scope="session")
def clip() -> LoopClip:
    return street_clip()


@pytest.fixture(scope="session")
def clip_h265() -> LoopClip:
    return street_clip(codec="h265")


@pytest.fixture
async def rtsp_camera(clip: LoopClip) -> AsyncIterator[tuple[Mount, str]]:
    """One virtual camera with Digest authentication: (mount, URL)."""
    mount = Mount("/cam", {"healthy": clip}, login=("minwang", "geheim-123"))
    server = RtspServer([mount])
    port = await server.start("127.0.0.1", 0)
    yield mount, f"rtsp://127.0.0.1:{port}/cam"
    await server.stop()
