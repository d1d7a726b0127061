"""Every failing start of `serve` ends within seconds with an exit status and one sentence with place and remedy."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from core.errors import StorageError
from core.network import ports
from core.secrets import Vault
from tests.commands import minwang
from tests.waiting import wait_until

TOWN = "town: t\ncredentials: [{name: all, username: u}]\nvillages: [{code: v, name: V}]\ncameras: []\n"


@dataclass
class Start:
    """A folder in which `serve` will fail, and what its error message must contain."""

    folder: Path
    data: dict[str, object] = field(default_factory=dict)
    web: dict[str, object] = field(default_factory=lambda: {"port": 0})
    search: dict[str, object] = field(default_factory=dict)
    expected: tuple[str, ...] = ()

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def write(self) -> None:
        (self.folder / "town.yaml").write_text(TOWN)
        lines = ['inventory = "town.yaml"']
        for section in ("data", "web", "search"):
            lines += [f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in getattr(self, section).items())]
        (self.folder / "minwang.toml").write_text("\n".join(lines) + "\n")

    def database(self) -> sqlite3.Connection:
        """Open the database of a station that worked before."""
        self.write()
        assert minwang("user", "list", cwd=self.folder).returncode == 0
        return sqlite3.connect(self.data_dir / "minwang.db")

    def seal_a_password(self) -> None:
        self.write()
        assert minwang("inventory", "apply", cwd=self.folder).returncode == 0
        sealed = minwang("inventory", "password", "all", "--password-file", "-", cwd=self.folder, input="geheim\n")
        assert sealed.returncode == 0, sealed.stderr


def folder_below_a_file(s: Start) -> None:
    (s.folder / "file").write_text("")
    s.data["dir"] = str(s.folder / "file" / "data")
    s.expected = (f"{s.folder}/file/data", "cannot be made", "set data.dir to another folder")


def folder_not_writable(s: Start) -> None:
    s.data["dir"] = "/proc"
    s.expected = ("/proc: ", "cannot write the data folder", "chown", "set data.dir")


def database_is_garbage(s: Start) -> None:
    s.data_dir.mkdir()
    (s.data_dir / "minwang.db").write_bytes(b"no database at all" * 1000)
    s.expected = (str(s.data_dir / "minwang.db"), "damaged", "minwang restore")


def database_is_newer(s: Start) -> None:
    with s.database() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    s.expected = (str(s.data_dir / "minwang.db"), "version 9999", "start the newer program", "minwang restore")


def port_is_taken(s: Start) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    s.web["port"] = taken.getsockname()[1]
    KEPT.append(taken)
    s.expected = (f"port {s.web['port']} of 127.0.0.1", "it is taken", "set web.port to a free port")


def address_of_another_machine(s: Start) -> None:
    s.web |= {"host": "203.0.113.9", "port": 8080}
    s.expected = ("port 8080 of 203.0.113.9", "no such address", "set web.host")


def address_that_is_none(s: Start) -> None:
    s.web["host"] = "no.such.invalid"
    s.expected = ("web.host = 'no.such.invalid'", "use one of this machine")


def no_volume(s: Start) -> None:
    s.data["volumes"] = ["/proc/none/disk1"]
    s.expected = ("no volume can be used", "/proc/none/disk1", "mount the disks")


def key_is_lost(s: Start) -> None:
    s.seal_a_password()
    (s.data_dir / "secret.key").unlink()
    s.expected = (
        str(s.data_dir / "secret.key"),
        "missing",
        "1 sealed camera passwords (all)",
        "restore the key file from the backup",
    )


def key_of_another_station(s: Start) -> None:
    s.seal_a_password()
    (s.data_dir / "secret.key").unlink()
    Vault.open_or_create(s.data_dir / "secret.key")
    s.expected = (str(s.data_dir / "secret.key"), "not the key", "(all)", "restore the key file from the backup")


def key_that_others_read(s: Start) -> None:
    s.seal_a_password()
    (s.data_dir / "secret.key").chmod(0o644)
    s.expected = (str(s.data_dir / "secret.key"), "mode 644", "chmod 600")


def key_of_wrong_length(s: Start) -> None:
    s.seal_a_password()
    (s.data_dir / "secret.key").write_bytes(b"short")
    s.expected = (str(s.data_dir / "secret.key"), "not a key of 32 bytes", "restore it from the backup")


def certificate_is_missing(s: Start) -> None:
    """Only the controller detects it: its error ends the station."""
    s.web["tls"] = "own"
    s.expected = (str(s.data_dir / "tls" / "server.crt"), "minwang cert")


def pack_is_missing(s: Start) -> None:
    """Only the analyst detects it."""
    s.search["detector"] = "no-such-pack"
    s.expected = ("no-such-pack", "not installed", "minwang models")


def postgresql_is_down(s: Start) -> None:
    s.data["database"] = "postgresql+psycopg://pol:geheim-123@127.0.0.1:1/minwang"
    s.expected = ("PostgreSQL database 'minwang' on 127.0.0.1:1 (user pol)", "does not answer", "start PostgreSQL")


def postgresql_host_unknown(s: Start) -> None:
    s.data["database"] = "postgresql+psycopg://pol:geheim-123@no.such.invalid/minwang"
    s.expected = ("on no.such.invalid (user pol)", "does not answer", "correct data.database")


KEPT: list[socket.socket] = []
# One case of each kind in every run, the others in `./minwang test -m long` and `-m soak`.
CASES: tuple[Callable[[Start], None], ...] = (
    folder_not_writable,
    database_is_garbage,
    port_is_taken,
    no_volume,
    key_is_lost,
    postgresql_is_down,
)
LONG: tuple[Callable[[Start], None], ...] = (pack_is_missing,)  # all processes of the station start before it fails
MORE: tuple[Callable[[Start], None], ...] = (
    folder_below_a_file, database_is_newer, address_of_another_machine, address_that_is_none, key_of_another_station,
    key_that_others_read, key_of_wrong_length, certificate_is_missing, postgresql_host_unknown,
)  # fmt: skip


def refused(start: Start) -> None:
    start.write()
    # An endless retry would never end; on a busy machine the analyst, which starts last, takes its time.
    done = minwang("serve", "--wait-for-database", "1", cwd=start.folder, timeout=150)
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode in (1, 2), done.stderr
    assert len(sentences) == 1 and sentences[0].startswith("minwang: "), done.stderr
    assert all(part in sentences[0] for part in start.expected), sentences[0]
    assert "Traceback" not in done.stderr and "Unclosed" not in done.stderr, done.stderr
    assert "geheim" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "case",
    [
        *CASES,
        *(pytest.param(c, marks=pytest.mark.long) for c in LONG),
        *(pytest.param(c, marks=pytest.mark.soak) for c in MORE),
    ],
    ids=lambda c: c.__name__,
)
def test_a_wrong_start_is_one_sentence(case: Callable[[Start], None], tmp_path: Path) -> None:
    start = Start(tmp_path)
    case(start)
    try:
        refused(start)
    finally:
        while KEPT:
            KEPT.pop().close()


def test_a_wrong_database_on_a_server(postgresql: str, tmp_path: Path) -> None:
    refused(
        Start(
            tmp_path,
            {"database": postgresql.format("nosuch")},
            expected=("PostgreSQL database 'nosuch'", "database not found", "createdb nosuch"),
        )
    )


def test_an_unknown_user_on_a_server(postgresql: str, tmp_path: Path) -> None:
    address = postgresql.format("migrated").replace("minwang@", "stranger:geheim-9@")
    refused(
        Start(tmp_path, {"database": address}, expected=("(user stranger)", "user not found", "createuser stranger"))
    )


def _is_refused(folder: Path) -> bool:
    """Whether the server wants a password of `careful`: it rereads its rules a moment after the request."""
    try:
        psycopg.connect(f"host={folder} user=careful dbname=postgres").close()
    except psycopg.OperationalError:
        return True
    return False


@contextmanager
def asking_for_passwords(address: str) -> Iterator[None]:
    """Let the server ask user `careful` for a password."""
    folder = Path(address.partition("host=")[2])
    rules = folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(f"host={folder} user=minwang dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE careful LOGIN PASSWORD 'right-one'")
        rules.write_text("local all careful scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        wait_until(lambda: _is_refused(folder))
        yield
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE careful")


def test_a_wrong_password_on_a_server(postgresql: str, tmp_path: Path) -> None:
    address = postgresql.format("migrated").replace("minwang@", "careful:geheim-9@")
    with asking_for_passwords(postgresql):
        refused(
            Start(
                tmp_path,
                {"database": address},
                expected=("(user careful)", "password authentication failed", "set the right"),
            )
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_port_that_only_root_may_have() -> None:
    "any".encode("idna")  # loads the codec while this user may read Python's own files

    def bind() -> str:
        os.seteuid(65534)
        try:
            ports.check("127.0.0.1", 80, "web.port")
        except StorageError as e:
            return str(e)
        finally:
            os.seteuid(0)
        return "it may"

    assert "port 80 of 127.0.0.1 (web.port) cannot be used: permission denied; ports below 1024" in asyncio.run(
        asyncio.to_thread(bind)
    )  # type: ignore[arg-type]


def test_a_new_station_makes_its_key(tmp_path: Path) -> None:
    start = Start(tmp_path)
    start.seal_a_password()
    assert (start.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600
