"""What ffmpeg calls a camera's addresses: names below its relay's secret path, never the camera's own words.

A camera tells absolute addresses in Content-Base, RTP-Info and its description, and some carry the password. ffmpeg only ever puts
"/" and a track's name behind them (rtsp.c of libavformat), so that a name which stands for the beginning is enough.
"""

from __future__ import annotations

import re

MAX_NAMED = 200  # addresses of a camera that get a name: as many as descriptions have media, several times
_ABSOLUTE = re.compile(r"[A-Za-z]{1,8}://")
_IN_TEXT = re.compile(rb"[A-Za-z]{1,8}://[^\r\n]*")
_TRACK = re.compile(r"/?|/[\w.=-]{1,40}/?")  # behind the stream's address: a name that may be told
_NAMED = re.compile(r"~(\d{1,4})")
_INFO = re.compile(r"(?:^|[;, ])(url|seq|rtptime)=([^;, ]*)|(,)")


class RelayAddresses:
    """Of one camera. `base`: the relay's address, with its secret path; `stream`: the camera's, which a redirection replaces."""

    def __init__(self, base: str, stream: str):
        self._base = base
        self.stream = stream
        self._named: list[str] = []
        self._set_up: dict[str, str] = {}  # the camera's address of a track: ffmpeg's

    def below(self, url: str) -> str | None:
        """What stands behind the secret path; None: it is not below it."""
        return url.removeprefix(self._base) if url.startswith(self._base) else None

    def camera_s(self, url: str) -> str:
        """What ffmpeg calls so, in the camera's own words."""
        rest = self.below(url)
        if rest is None:
            return url
        if (named := _NAMED.match(rest)) and int(named[1]) < len(self._named):
            return self._named[int(named[1])] + rest[named.end() :]
        return self.stream.removesuffix("/") + rest if rest else self.stream

    def ffmpeg_s(self, url: str) -> str:
        """The name of an address that the camera told; empty where it told too many."""
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
        """ffmpeg asked for a track by this name: RTP-Info must say the same."""
        if len(self._set_up) < MAX_NAMED:
            self._set_up[self.camera_s(url)] = url

    def base_for_ffmpeg(self, told: str) -> str:
        """Of a Content-Base; empty where it is none."""
        return self.ffmpeg_s(told) if _ABSOLUTE.match(told) else ""

    def info_for_ffmpeg(self, told: str) -> str:
        """An RTP-Info of which only addresses, numbers and times are left."""
        tracks: list[list[str]] = [[]]
        for field, value, comma in _INFO.findall(told):
            if comma:
                tracks.append([])
            elif field == "url":
                known = self._set_up.get(value)
                tracks[-1].append(f"url={known or (self.ffmpeg_s(value) if _ABSOLUTE.match(value) else value)}")
            elif value.isdecimal():
                tracks[-1].append(f"{field}={value}")
        return ",".join(";".join(t) for t in tracks if t)

    def description_for_ffmpeg(self, told: bytes) -> bytes:
        return _IN_TEXT.sub(lambda m: self.ffmpeg_s(m[0].decode("latin-1")).encode("latin-1"), told)
