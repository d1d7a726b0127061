"""Translate a camera's RTSP addresses to names below its relay's secret path, and back, for ffmpeg.

A camera states absolute addresses in Content-Base, RTP-Info and its SDP, and some contain the password. ffmpeg only
appends "/" and a track's name to them (libavformat/rtsp.c), so a name that stands for the beginning is sufficient.
"""

from __future__ import annotations

import re

MAX_NAMED = 200  # addresses of a camera that get a name; several times the number of media in an SDP
_ABSOLUTE = re.compile(r"[A-Za-z]{1,8}://")
_IN_TEXT = re.compile(rb"[A-Za-z]{1,8}://[^\r\n]*")
_TRACK = re.compile(r"/?|/[\w.=-]{1,40}/?")  # after the stream's address: a track name without a secret
_NAMED = re.compile(r"~(\d{1,4})")
_INFO = re.compile(r"(?:^|[;, ])(url|seq|rtptime)=([^;, ]*)|(,)")


class RelayAddresses:
    """Addresses of one camera.

    `base` is the relay's address with its secret path; `stream` is the camera's, which a redirect replaces.
    """

    def __init__(self, base: str, stream: str):
        self._base = base
        self.stream = stream
        self._named: list[str] = []
        self._set_up: dict[str, str] = {}  # ffmpeg's address of each track, by the camera's

    def below(self, url: str) -> str | None:
        """Return the part after the secret path; None where the address is not below it."""
        return url.removeprefix(self._base) if url.startswith(self._base) else None

    def to_camera(self, url: str) -> str:
        """Return the camera's address for an address used by ffmpeg."""
        rest = self.below(url)
        if rest is None:
            return url
        if (named := _NAMED.match(rest)) and int(named[1]) < len(self._named):
            return self._named[int(named[1])] + rest[named.end() :]
        return self.stream.removesuffix("/") + rest if rest else self.stream

    def to_ffmpeg(self, url: str) -> str:
        """Return the name for a camera's address; empty where the camera stated too many."""
        root = self.stream.removesuffix("/")
        if url.startswith(root) and _TRACK.fullmatch(url, len(root)):
            return self._base + url[len(root) :]
        begin = url.removesuffix("/")
        if begin not in self._named:
            if len(self._named) >= MAX_NAMED:
                return ""
            self._named.append(begin)
        return f"{self._base}~{self._named.index(begin)}{url[len(begin) :]}"

    def note_set_up(self, url: str) -> None:
        """Record the name with which ffmpeg set up a track: RTP-Info must use the same one."""
        if len(self._set_up) < MAX_NAMED:
            self._set_up[self.to_camera(url)] = url

    def base_for_ffmpeg(self, told: str) -> str:
        """Translate a Content-Base; empty where it is not an absolute address."""
        return self.to_ffmpeg(told) if _ABSOLUTE.match(told) else ""

    def info_for_ffmpeg(self, told: str) -> str:
        """Translate an RTP-Info; only addresses, sequence numbers and times remain."""
        tracks: list[list[str]] = [[]]
        for field, value, comma in _INFO.findall(told):
            if comma:
                tracks.append([])
            elif field == "url":
                known = self._set_up.get(value)
                tracks[-1].append(f"url={known or (self.to_ffmpeg(value) if _ABSOLUTE.match(value) else value)}")
            elif value.isdecimal():
                tracks[-1].append(f"{field}={value}")
        return ",".join(";".join(t) for t in tracks if t)

    def description_for_ffmpeg(self, told: bytes) -> bytes:
        return _IN_TEXT.sub(lambda m: self.to_ffmpeg(m[0].decode("latin-1")).encode("latin-1"), told)
