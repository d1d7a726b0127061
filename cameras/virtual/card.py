"""Edge storage of a virtual camera: one recording of everything since the camera was switched on (ONVIF Profile G).

The recording holds the pictures of the live stream, whether or not anybody could reach the camera then. Replay follows
the ONVIF Streaming Specification, section 6: `Range: clock=`, `Rate-Control`, and the time of every picture in an RTP
header extension (0xABAC).
"""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from cameras.onvif.namespaces import RECORDING, REPLAY, SEARCH
from cameras.onvif.soap import Node
from cameras.virtual.clip import LoopClip

NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
TOKEN = "card-main"  # of the only recording
_KEY, _BREAK = 0x80, 0x20  # flags of the header extension: keyframe, discontinuity
Send = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class ReplayRange:
    """The range that a player requested, in UTC seconds of the camera's clock, and whether to send it in real time."""

    start: float
    end: float
    real_time: bool

    @classmethod
    def parse(cls, headers: dict[str, str]) -> ReplayRange | None:
        """Parse the headers of PLAY; return None if the range has no absolute times."""
        found = re.match(r"clock=(\d{8}T\d{6}(?:\.\d+)?)Z-(?:(\d{8}T\d{6}(?:\.\d+)?)Z)?", headers.get("range", ""))
        if found is None:
            return None
        end = _seconds(found.group(2)) if found.group(2) else time.time() + 3600
        return cls(_seconds(found.group(1)), end, headers.get("rate-control", "yes").lower() != "no")


def _seconds(text: str) -> float:
    whole, _, fraction = text.partition(".")
    moment = datetime.strptime(whole, "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    return moment.timestamp() + float(f"0.{fraction or 0}")


def pictures(
    clip: LoopClip, stretch: ReplayRange, switched_on: float, clock_error: float
) -> Iterator[tuple[int, float]]:
    """Yield (index, UTC seconds of the camera's clock) of the recorded pictures, from the keyframe before the start.

    `switched_on` is the true time at which picture 0 of the endless loop was taken.
    """
    first = max(0, int((stretch.start - clock_error - switched_on) * clip.fps))
    number, frame = divmod(first, clip.frames)
    index = number * clip.frames + max(k for k in clip.keyframes if k <= frame)
    while True:
        taken = switched_on + index / clip.fps
        if taken + clock_error > stretch.end or taken > time.time():
            return
        yield index, taken + clock_error
        index += 1


async def play(
    clip: LoopClip, stretch: ReplayRange, switched_on: float, clock_error: float, cseq: int, send: Send
) -> None:
    """Send a range of the recording; `send` waits if the receiver is slow."""
    first = True
    for index, taken in pictures(clip, stretch, switched_on, clock_error):
        flags = (_KEY if index % clip.frames in clip.keyframes else 0) | (_BREAK if first else 0)
        await send(b"".join(_marked(p, taken, flags, cseq) for p in clip.packet_slices(index, 0, 0)))
        first = False
        if stretch.real_time:
            await asyncio.sleep(1 / clip.fps)


def _marked(framed: memoryview, taken: float, flags: int, cseq: int) -> bytes:
    """Return an interleaved RTP packet with the replay extension."""
    seconds = int(taken)
    extension = struct.pack(
        ">HHIIBBH", 0xABAC, 3, (seconds + NTP_EPOCH) & 0xFFFFFFFF, int((taken - seconds) * 2**32), flags, cseq & 0xFF, 0
    )
    length = int.from_bytes(framed[2:4], "big") + len(extension)
    return b"".join(
        (b"$\x00", length.to_bytes(2, "big"), bytes((framed[4] | 0x10,)), framed[5:16], extension, framed[16:])
    )


@dataclass(slots=True)
class CardService:
    """ONVIF services of the card. `now` returns the camera's clock; `empty` returns whether the card is empty."""

    path: str  # path of the recorded stream
    rtsp_port: int
    switched_on: float  # true time
    now: Callable[[], datetime]
    empty: Callable[[], bool]

    def operations(self) -> dict[str, tuple[str, Callable[[Node], str]]]:
        return {
            "GetRecordings": (RECORDING, self._recordings),
            "FindRecordings": (
                SEARCH,
                lambda _: "<t:FindRecordingsResponse><t:SearchToken>s1</t:SearchToken></t:FindRecordingsResponse>",
            ),
            "GetRecordingSearchResults": (SEARCH, self._results),
            "EndSearch": (SEARCH, self._end),
            "GetReplayUri": (REPLAY, self._replay_uri),
        }

    def _recordings(self, _: Node) -> str:
        item = (
            f"<t:RecordingItem><tt:RecordingToken>{TOKEN}</tt:RecordingToken>"
            "<tt:Tracks><tt:Track><tt:TrackToken>v</tt:TrackToken>"
            "<tt:Configuration><tt:TrackType>Video</tt:TrackType></tt:Configuration></tt:Track></tt:Tracks>"
            "</t:RecordingItem>"
        )
        return f"<t:GetRecordingsResponse>{'' if self.empty() else item}</t:GetRecordingsResponse>"

    def _results(self, _: Node) -> str:
        start = self.now() - timedelta(seconds=time.time() - self.switched_on)
        information = (
            f"<tt:RecordingInformation><tt:RecordingToken>{TOKEN}</tt:RecordingToken>"
            f"<tt:EarliestRecording>{start:%Y-%m-%dT%H:%M:%SZ}</tt:EarliestRecording>"
            f"<tt:LatestRecording>{self.now():%Y-%m-%dT%H:%M:%SZ}</tt:LatestRecording><tt:Content>all</tt:Content>"
            "<tt:Track><tt:TrackToken>v</tt:TrackToken><tt:TrackType>Video</tt:TrackType></tt:Track>"
            "<tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
        )
        return (
            "<t:GetRecordingSearchResultsResponse><t:ResultList><tt:SearchState>Completed</tt:SearchState>"
            f"{'' if self.empty() else information}</t:ResultList></t:GetRecordingSearchResultsResponse>"
        )

    def _end(self, _: Node) -> str:
        return f"<t:EndSearchResponse><t:Endpoint>{self.now():%Y-%m-%dT%H:%M:%SZ}</t:Endpoint></t:EndSearchResponse>"

    def _replay_uri(self, operation: Node) -> str:
        if operation.text("RecordingToken") != TOKEN:
            return "<t:GetReplayUriResponse/>"
        uri = f"rtsp://0.0.0.0:{self.rtsp_port}/replay{escape(self.path)}"
        return f"<t:GetReplayUriResponse><t:Uri>{uri}</t:Uri></t:GetReplayUriResponse>"
