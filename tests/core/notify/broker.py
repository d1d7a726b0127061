"""Debian's mosquitto on loopback, with a password and rules for topics, and a relay that can lose its answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core import tasks
from tests.ports import free_port
from tests.waiting import eventually

PASSWORD = "siren-s3cret"


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    assert found, f"{name} is missing; run: apt-get install mosquitto"
    return found


@dataclass(slots=True)
class Broker:
    """`start` and `kill` as often as a test wants; the port stays."""

    folder: Path
    port: int
    tls: tuple[Path, Path] | None = None  # certificate and its key
    process: asyncio.subprocess.Process | None = None

    def prepare(self) -> None:
        """Write the configuration. Blocking."""
        passwords, rules = self.folder / "passwords", self.folder / "rules"
        passwords.touch(mode=0o600)
        subprocess.run([_program("mosquitto_passwd"), "-b", passwords, "station", PASSWORD], check=True)
        rules.write_text("user station\ntopic readwrite minwang/#\n")
        rules.chmod(0o600)
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous false", f"password_file {passwords}",
                 f"acl_file {rules}", "persistence false"]  # fmt: skip
        if self.tls is not None:
            lines += [f"certfile {self.tls[0]}", f"keyfile {self.tls[1]}"]
        if user := _running_as_root():
            lines.append(f"user {user}")
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    async def start(self) -> None:
        program = await asyncio.to_thread(_program, "mosquitto")
        self.process = await asyncio.create_subprocess_exec(
            program, "-c", str(self.folder / "mosquitto.conf"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await eventually(self._answers)

    async def _answers(self) -> bool:
        assert self.process is not None and self.process.returncode is None, "the broker ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def _running_as_root() -> str:
    """Return root's name for root: the broker would otherwise take a user that cannot read the test's folder."""
    return "root" if os.geteuid() == 0 else ""


@asynccontextmanager
async def mosquitto(folder: Path, tls: tuple[Path, Path] | None = None) -> AsyncIterator[Broker]:
    broker = Broker(folder, free_port(), tls)
    await asyncio.to_thread(broker.prepare)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()


@dataclass(slots=True)
class Relay:
    """A way to the broker that passes what the station sends and, while `mute`, none of the later answers.

    The first packet of the broker (CONNACK) always passes.
    """

    port: int = 0
    mute: bool = False
    held: asyncio.Event = field(default_factory=asyncio.Event)  # an answer was held back


@asynccontextmanager
async def relay(to: int) -> AsyncIterator[Relay]:
    state = Relay()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        first = True
        while data := await reader.read(4096):
            if answers and state.mute and not first:
                state.held.set()
                continue
            first = False
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", to)
        try:
            await tasks.first_of(pass_on(reader, forth, answers=False), pass_on(back, writer, answers=True))
        except ConnectionError:
            pass
        finally:
            for w in (forth, writer):
                w.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
