"""Virtual cameras that each have one fault of real cameras: in their RTP packets, their clocks, or their RTSP dialogue.

An `OddPlayer` plays an `OddMount` and records in it when each picture was sent.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cameras.virtual.clip import CLOCK_RATE, LoopClip
from cameras.virtual.rtsp_server import Mount, Player

_RTP = struct.Struct(">cBHBBHII")  # interleaved header; flags, marker and payload type, sequence, timestamp, SSRC
_OTHER_SSRC = 0x0BADF00D
_VENDOR_UNIT = bytes([30]) + b"vendor" * 40  # NAL unit type 30 is unspecified in H.264
_FIRST_STEP_S, _STEP_EVERY_S = 8.0, 10.0

PACKET_FAULTS = ("no_marker", "vendor_units", "foreign_source", "foreign_payload_type")
CLOCK_FAULTS = (
    "slow_clock",
    "fast_clock",
    "steps_back",
    "steps_forward",
    "stray_timestamps",
    "clock_rate_30000",
    "clock_rate_wrong",
    "lying_reports",
    "sparse",
)
DIALOGUE_FAULTS = ("options_refused", "spaced_transport")
STREAM_FAULTS = (*PACKET_FAULTS, *CLOCK_FAULTS, *DIALOGUE_FAULTS)
CLOCK_SPEED = {"slow_clock": 0.84, "fast_clock": 1.2}  # actual frame rate divided by the frame rate of the timestamps


@dataclass(slots=True)
class FaultyMount(Mount):
    fault: str = ""  # one of ODDITIES; empty: no fault
    sent: list[float] = field(default_factory=list)  # when each picture was sent, seconds since 1970


class FaultyPlayer(Player):
    _extra = 0  # packets inserted so far: added to all later sequence numbers
    _played_since = 0.0
    _first = 0  # index of the first picture sent

    @property
    def _fault(self) -> str:
        return self._mount.fault if isinstance(self._mount, FaultyMount) else ""

    def tick(self, now: float) -> None:
        mount, before = self._mount, self._next
        if not isinstance(mount, FaultyMount):
            super().tick(now)
        elif mount.fault in (*PACKET_FAULTS, *CLOCK_FAULTS):
            self._tick_faulty(mount, now)
        else:
            super().tick(now)
            mount.sent += [time.time()] * (self._next - before)

    def _tick_faulty(self, mount: FaultyMount, now: float) -> None:
        clip = self._clip
        assert clip is not None
        if not self._played_since:
            self._played_since, self._first = self._base + self._next / clip.fps, self._next
        elapsed = (now - self._played_since) * CLOCK_SPEED.get(mount.fault, 1.0)
        due = self._first + int(elapsed * clip.fps) + 1
        while self._next < due:
            if mount.fault != "sparse" or self._next % clip.frames in clip.keyframes:
                self._send(b"".join(self._frames(clip, mount.fault)))
                mount.sent.append(time.time())
            self._next += 1
        if now >= self._report_due:
            self._report(mount, clip, now)

    def _frames(self, clip: LoopClip, fault: str) -> Iterator[bytes]:
        ts = self._faulty_timestamp(clip, fault)
        for i, packet in enumerate(clip.packet_slices(self._next, self._seq_shift, self._ts_shift)):
            head = list(_RTP.unpack_from(packet))
            if i == 0 and fault == "vendor_units":
                yield self._packet([*head[:3], 0x80, head[4] & 0x7F, head[5] + self._extra, ts, head[7]], _VENDOR_UNIT)
                self._extra += 1
            if i == 0 and fault == "foreign_source":
                yield self._packet([*head[:3], 0x80, head[4], head[5] * 7, ts + 12_345, _OTHER_SSRC], b"\x41foreign")
            if i == 0 and fault == "foreign_payload_type":
                yield self._packet([*head[:3], 0x80, 98, head[5] * 5, ts, head[7] ^ 1], b"metadata")
            if fault == "no_marker":
                head[4] &= 0x7F
            yield self._packet([*head[:5], head[5] + self._extra, ts, head[7]], bytes(packet[_RTP.size :]))

    def _packet(self, head: list[int], payload: bytes) -> bytes:
        first = _RTP.pack(b"$", 0, 12 + len(payload), head[3], head[4], head[5] & 0xFFFF, head[6] & 0xFFFFFFFF, head[7])
        return first + payload

    def _faulty_timestamp(self, clip: LoopClip, fault: str) -> int:
        picture = self._next - self._first
        ts = clip.timestamp(self._next) + self._ts_shift
        steps = max(0, int((picture / clip.fps - _FIRST_STEP_S) // _STEP_EVERY_S) + 1)
        if fault == "steps_back":
            return ts - 4 * CLOCK_RATE * steps
        if fault == "steps_forward":
            return ts + 4 * CLOCK_RATE * steps
        if fault == "stray_timestamps" and picture % 150 == 140:
            return ts + 3600 * CLOCK_RATE
        return picture * 1200 if fault == "clock_rate_30000" else ts

    def _report(self, mount: Mount, clip: LoopClip, now: float) -> None:
        if self._fault == "lying_reports":
            self._ts_shift += CLOCK_RATE // 3  # for this report only: restored below
            super()._report(mount, clip, now)
            self._ts_shift -= CLOCK_RATE // 3
        elif self._fault not in CLOCK_FAULTS:
            super()._report(mount, clip, now)
        else:
            self._report_due = now + 1e9

    def _reply(self, cseq: str, status: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        headers = dict(headers or {})
        if self._fault == "spaced_transport" and "Transport" in headers:
            headers["Transport"] = "RTP/AVP/TCP; unicast; interleaved = 0 - 1; ssrc=4D574E47"
        super()._reply(cseq, status, headers, body)

    def _answer(self, head: str) -> None:
        path = head.split(" ", 2)[1] if head.count(" ") > 1 else ""
        mount = self._server.mount("/" + path.split("/", 3)[-1])
        if isinstance(mount, FaultyMount) and mount.fault == "options_refused" and head.startswith("OPTIONS"):
            cseq = next(
                (line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith("cseq")), "0"
            )
            self._reply(cseq, "403 Forbidden")
            return
        super()._answer(head)

    def _description(self, mount: Mount) -> bytes:
        body = super()._description(mount)
        if isinstance(mount, FaultyMount) and mount.fault in ("clock_rate_30000", "clock_rate_wrong"):
            return body.replace(f"/{CLOCK_RATE}".encode(), b"/30000")
        return body
