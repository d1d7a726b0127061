"""A socket to a camera's RTSP server, also for RTSP over TLS (rtsps).

TLS ends in a socket pair, so that the reader uses a plain socket in both cases. Certificates are not verified, because
cameras' certificates are self-signed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from core.errors import CameraUnreachable, ProtocolError
from core.network.error_text import reason
from core.network.transports import abort
from core.tasks import end, first_of, spawn
from nvr.rtsp.camera_socket import READ_CHUNK_BYTES
from nvr.rtsp.rtsp_dialogue import CONNECT_SECONDS, connect

CLOSE_TIMEOUT_S = 0.5  # for the last message (TEARDOWN) to reach the camera when closing


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[socket.socket]:
    """Connect and yield a socket; for rtsps one end of a pair whose other end speaks TLS with the camera.

    Raises CameraUnreachable, and ProtocolError where the address is invalid or TLS fails.
    """
    if not url.startswith("rtsps://"):
        sock = await connect(url)
        try:
            yield sock
        finally:
            sock.close()
        return
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    coding: asyncio.Task[None] | None = None
    try:
        tls, plain = await _open_tls(url), await asyncio.open_connection(sock=theirs)
        coding = spawn(_copy_tls(tls, plain), "TLS of a camera")
        yield ours
    finally:
        try:
            if coding is not None:
                with contextlib.suppress(OSError):
                    ours.shutdown(socket.SHUT_WR)
                await asyncio.wait([coding], timeout=CLOSE_TIMEOUT_S)
        finally:
            ours.close()
            if coding is not None:
                await end(coding)
                for writer in (tls[1], plain[1]):
                    abort(writer.transport)
            else:
                theirs.close()


async def _copy_tls(
    tls: tuple[asyncio.StreamReader, asyncio.StreamWriter], plain: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Copy data in both directions until one side ends; then close both after the data sent before."""
    try:
        await first_of(_pump(tls[0], plain[1]), _pump(plain[0], tls[1]))
    finally:
        for writer in (tls[1], plain[1]):
            writer.close()


async def _open_tls(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TLS connection without verification and with old TLS versions, which cameras use.

    Raises CameraUnreachable, ProtocolError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        parts = urlsplit(url)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(parts.hostname, parts.port or 322, ssl=context)
    except ValueError as e:
        raise ProtocolError(f"'{url}' is not an RTSP address") from e
    except ssl.SSLError as e:
        raise ProtocolError(f"TLS with the camera failed: {e.reason}") from e
    except TimeoutError as e:
        raise CameraUnreachable(f"no connection within {CONNECT_SECONDS:g} s") from e
    except OSError as e:
        raise CameraUnreachable(f"no connection: {reason(e)}") from e


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy data until one side ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
