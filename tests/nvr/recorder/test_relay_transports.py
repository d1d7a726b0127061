"""ffmpeg's relay over TLS and UDP."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, Player, RtspServer
from core.errors import CameraRefused, ClearPasswordRequested
from core.network.transports import abort
from core.tasks import end, spawn
from nvr.rtsp.camera_tls import connected
from tests.nvr.conftest import LOGIN
from tests.nvr.recorder.digests import BASIC, DIGEST, in_clear
from tests.nvr.recorder.test_ffmpeg_engine import error_of, recorded
from tests.nvr.scripted_camera import Request, Response, scripted_camera


@asynccontextmanager
async def in_tls(port: int, folder: Path) -> AsyncIterator[str]:
    """The server at `port` over TLS, with a self-signed certificate: host:port."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")]),
    )
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1)).sign(
        key, hashes.SHA256()
    )
    pem = serialization.Encoding.PEM
    file = folder / "camera.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    await asyncio.to_thread(file.write_bytes, private + made.public_bytes(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    await asyncio.to_thread(context.load_cert_chain, file)
    writers: list[asyncio.StreamWriter] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, behind[1]), copy(behind[0], writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            abort(writer.transport)
        await asyncio.sleep(0.05)


async def test_over_tls_as_well(clip: LoopClip, tmp_path: Path) -> None:
    def script(request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        return (
            None
            if given.startswith(scheme) or request.method == "OPTIONS"
            else Response("401 No", DIGEST if scheme == "Digest" else BASIC)
        )

    scheme = "Digest"
    async with (
        scripted_camera(clip, script) as camera,
        in_tls(int(camera.url.split(":")[2].split("/")[0]), tmp_path) as place,
    ):
        await recorded(f"rtsps://{place}/cam")
        scheme = "Basic"
        assert type(await error_of(f"rtsps://{place}/cam")) is ClearPasswordRequested and not in_clear(camera.requests)
        scheme = "none"
        assert isinstance(await error_of(f"rtsps://{place}/cam", None), CameraRefused)


class UdpPlayer(Player):
    """Sends its media over UDP only. `where`: the address to which it sends."""

    where: tuple[str, int] | None = None

    def _serve(self, method: str, url: str, headers: dict[str, str], mount: Mount) -> None:
        if method != "SETUP":
            super()._serve(method, url, headers, mount)
        elif (port := re.search(r"client_port=(\d+)", headers["transport"])) is None or self.transport is None:
            self._reply(headers["cseq"], "461 Unsupported Transport")
        else:
            self._mount, self.where = mount, (self.transport.get_extra_info("peername")[0], int(port[1]))
            way = f"RTP/AVP;unicast;source=10.9.9.9;client_port={port[1]}-{int(port[1]) + 1};server_port=9002-9003"
            self._reply(headers["cseq"], "200 OK", {"Transport": way, "Session": "1;timeout=60"})

    def _send(self, data: bytes | memoryview) -> None:
        data = bytes(data)
        if not self.playing or data[:1] != b"$":
            return super()._send(data)
        assert self.where is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while data:
                size = 4 + int.from_bytes(data[2:4], "big")
                sock.sendto(data[4:size], (self.where[0], self.where[1] + data[1]))
                data = data[size:]


async def test_media_over_udp_comes_to_ffmpeg_from_the_camera(clip: LoopClip) -> None:
    server = RtspServer([Mount("/cam", {"healthy": clip}, login=LOGIN)], player=UdpPlayer)
    port = await server.start("127.0.0.1", 0)
    try:
        await recorded(f"rtsp://127.0.0.1:{port}/cam?udp")
    finally:
        await server.stop()


async def test_a_camera_that_closes_inside_tls_is_gone(tmp_path: Path) -> None:
    """Data sent before the close is read first."""

    async def bye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last words")
        writer.close()

    server = await asyncio.start_server(bye, "127.0.0.1", 0)
    async with server, in_tls(server.sockets[0].getsockname()[1], tmp_path) as place:
        async with connected(f"rtsps://{place}/x") as sock, asyncio.timeout(5):
            heard = b""
            while data := await asyncio.get_running_loop().sock_recv(sock, 100):
                heard += data
        assert heard == b"last words"


async def test_last_words_reach_a_camera_inside_tls(tmp_path: Path) -> None:
    """TEARDOWN is written just before closing; a camera that keeps sending delays the close only briefly."""
    heard, closed = bytearray(), asyncio.Event()

    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(bytes(100_000))
            while data := await reader.read(100):
                heard.extend(data)
        closed.set()
        writer.close()

    server = await asyncio.start_server(talks, "127.0.0.1", 0)
    async with server, in_tls(server.sockets[0].getsockname()[1], tmp_path) as place:
        for cancelled in (False, True):
            heard.clear()
            closed.clear()

            arrived = asyncio.Event()

            async def leave(wait: bool = cancelled, arrived: asyncio.Event = arrived) -> None:
                async with connected(f"rtsps://{place}/x") as sock:
                    try:
                        arrived.set()
                        await asyncio.Event().wait() if wait else await asyncio.sleep(0.05)
                    finally:
                        sock.send(b"TEARDOWN")

            leaving = spawn(leave())
            await arrived.wait()
            if not cancelled:
                await leaving
            began = asyncio.get_running_loop().time()
            await end(leaving)
            assert asyncio.get_running_loop().time() - began < 2
            async with asyncio.timeout(5):
                await closed.wait()
            assert heard == b"TEARDOWN"
