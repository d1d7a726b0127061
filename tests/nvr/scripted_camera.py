"""A virtual camera whose responses a test scripts: the RTSP server of cameras.virtual with some requests overridden."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, Player, RtspServer
from cameras.virtual.sdp import describe


@dataclass
class Request:
    """A request that the camera received."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Response:
    """The camera's response. `close`: it closes the connection instead; an empty status: it does not respond."""

    status: str = "200 OK"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    close: bool = False


Script = Callable[[Request], Response | None]  # None: respond as every virtual camera does


@dataclass
class ScriptedCamera:
    url: str
    requests: list[Request]
    server: RtspServer
    rtcp: list[bytes]  # interleaved frames that the camera received

    @property
    def methods(self) -> list[str]:
        return [r.method for r in self.requests]

    def send(self, data: bytes) -> None:
        """Send data to every connected client."""
        for player in self.server.players:
            player._send(data)


@asynccontextmanager
async def scripted_camera(
    clip: LoopClip,
    script: Script,
    *,
    path: str = "/cam",
    sdp: Callable[[str], str] = lambda text: text,
    channel: int = 0,
    sends: bool = True,
    skip: int = 0,
) -> AsyncIterator[ScriptedCamera]:
    """Serve the clip.

    `sdp` rewrites its description. Media is sent on `channel` (only if `sends`) and begins `skip` pictures after a
    keyframe.
    """
    seen: list[Request] = []
    heard: list[bytes] = []

    class Scripted(Player):
        def data_received(self, data: bytes) -> None:
            if data[:1] == b"$":
                heard.append(data)
            super().data_received(data)

        def _start(self, mount: Mount) -> None:
            super()._start(mount)
            self._next += skip
            self._base = time.monotonic() - self._next / clip.fps

        def _answer(self, head: str) -> None:
            lines = head.split("\r\n")
            method, url = lines[0].split(" ")[:2]
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            request = Request(method, url, headers)
            seen.append(request)
            answer = script(request)
            if answer is None:
                super()._answer(head)
            elif answer.close and self.transport is not None:
                self.transport.close()
            elif answer.status:
                self._told(request, answer)

        def _told(self, request: Request, answer: Response) -> None:
            cseq = request.headers.get("cseq", "0")
            if answer.status.startswith("200") and not answer.headers and not answer.body:
                self._serve(request.method, request.url, request.headers, mount)
                return
            if request.method == "SETUP":
                self._mount = mount
            self._reply(cseq, answer.status, answer.headers, answer.body.encode())

        def _serve(self, method: str, url: str, headers: dict[str, str], mount: Mount) -> None:
            if method != "DESCRIBE":
                super()._serve(method, url, headers, mount)
                return
            body = sdp(describe(mount.clip())).encode()
            self._reply(headers.get("cseq", "0"), "200 OK", {"Content-Type": "application/sdp"}, body)

        def _send(self, data: bytes | memoryview) -> None:
            if self.playing and bytes(data[:1]) == b"$":
                if not sends:
                    return
                data = on_channel(bytes(data), channel)
            super()._send(data)

    mount = Mount(path, {"healthy": clip})
    server = RtspServer([mount], player=Scripted)
    port = await server.start("127.0.0.1", 0)
    try:
        yield ScriptedCamera(f"rtsp://127.0.0.1:{port}{path}", seen, server, heard)
    finally:
        await server.stop()


def on_channel(data: bytes, channel: int) -> bytes:
    """Return interleaved frames on other channels: RTP on `channel`, RTCP on the next one."""
    out, at = bytearray(data), 0
    while at + 4 <= len(out):
        out[at + 1] = channel + out[at + 1] if channel != 255 else 1 - out[at + 1]
        at += 4 + int.from_bytes(out[at + 2 : at + 4], "big")
    return bytes(out)
