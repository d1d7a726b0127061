"""A playing camera of the native engine (nvr.recorder.poll_loop): converts its data to video, audio and reports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable

from core.errors import MinwangError, ProtocolError, StreamStalled
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.media.batch.packet_columns import Region
from nvr.media.buffers.arena import Arena
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.pictures.start_points import StartPoints
from nvr.media.receiver import rtp_receiver
from nvr.media.receiver.audio_depacketizer import AudioDepacketizer
from nvr.media.receiver.audio_receiver import AudioReceiver
from nvr.media.receiver.reception import ReceptionStatistics
from nvr.media.receiver.rtp_receiver import RtpReceiver, probe_of
from nvr.media.rtp import rtcp
from nvr.media.rtp.sequence_numbers import NUMBERS_IGNORED_TEXT
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.media.work_budget import READ_BYTES, THROTTLED_TEXT, WorkBudget
from nvr.recorder import crash_marker
from nvr.recorder.silence import SilenceMemory
from nvr.recorder.watchdog import FIRST_REQUEST_S, Watchdog
from nvr.rtsp import message_text
from nvr.rtsp.camera_socket import TICK_SECONDS, CameraSocket
from nvr.rtsp.client import RtspSession
from nvr.rtsp.message_text import Buffer
from nvr.rtsp.reply_reader import MAX_BODY
from nvr.rtsp.sdp import KeyframeRequest, VideoCodec
from nvr.tables import GapCause

log = logging.getLogger(__name__)

MAX_LEFTOVER = READ_BYTES - 65_536
LOST_BEFORE_SHARED_NUMBERS = 16  # lost packets of a session, after which numbers used on other channels are considered
MAX_INTERRUPTIONS = 1_000  # RTSP messages and losses of the framing in one read; a camera sends one or two
MAX_INCOMPLETE_BYTES = READ_BYTES // 2  # bytes of an incomplete picture that may wait for its end
REPORT_SECONDS = 8.0
_FRAME = struct.Struct(">cBH")  # $, channel, length


class NativeSession:
    """State of a playing camera between two ticks."""

    def __init__(
        self,
        rtsp: RtspSession,
        sink: SegmentWriter,
        counters: StreamCounters,
        *,
        stall_seconds: float,
        fragment_ticks: int,
        now: float,
        ask_keyframe: Callable[[str], object] = lambda _stream: None,
        silences: SilenceMemory | None = None,
        budget: WorkBudget | None = None,
    ):
        self._rtsp = rtsp
        self._sink = sink
        self._counters = counters
        self.tick_us = self.arrival_us = 0  # time of this tick, and of the last one with data
        self._leftover = b""
        self.socket = CameraSocket(rtsp.sock, rtsp.initial_data, fragment_ticks * TICK_SECONDS)
        track = rtsp.track
        self._depacketizer = Depacketizer(track.codec, track.parameter_sets, counters, self._emit, track.clock_rate)
        self._receiver = RtpReceiver(self._depacketizer, track.payload_type, probe_of(track), rtsp.ssrc)
        self._audio = AudioDepacketizer(rtsp.audio) if rtsp.audio else None
        self._audio_receiver = AudioReceiver(self._audio, counters, rtsp.audio_ssrc) if self._audio else None
        self._watchdog = Watchdog(now, stall_seconds, silences)
        self._now = now
        self._reception = ReceptionStatistics(counters)
        self._start_points = StartPoints(now, counters)
        self._ask_keyframe = ask_keyframe
        self.budget = budget or WorkBudget(now)
        self._lost_before = counters.lost_packets
        self._numbers_reported = False
        self._fir_number = 0
        self._is_held = False  # not read because of its CPU budget: its socket may hold more data
        self._fragment_ticks = fragment_ticks
        self.tag = crash_marker.tag(sink.stream)
        self.phase = 0  # in which tick of a fragment it is read; set by the poll loop
        self._keepalive_due = now + rtsp.timeout / 2
        self._report_due = now + REPORT_SECONDS
        self._channel = rtsp.rtp_channel
        self._ssrc = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def stream(self) -> str:
        return self._sink.stream

    def _emit(self, run: FragmentSamples) -> None:
        self._sink.write_fragment(run, self.arrival_us)

    def receive(self, view: memoryview, at: int, room: int) -> int:
        """Read received data into view[at : at + room], after the data left over; return the end.

        Raises CameraUnreachable.
        """
        view[at : at + (kept := len(self._leftover))] = self._leftover
        size = self.socket.receive(view[at + kept : at + room])
        self._leftover = b""  # it is in the view now, and must be parsed only once
        self.arrival_us = self.tick_us if size else self.arrival_us
        self._counters.bytes += size
        return at + kept + size

    def may_read(self, now: float) -> bool:
        """Return whether the CPU budget allows a read; count it if not."""
        self._is_held = not self.budget.is_open(now)
        if not self._is_held:
            return True
        if not self._counters.held_back:
            log.warning("%s: %s", self._sink.stream, THROTTLED_TEXT)
        self._counters.held_back += 1
        return False

    @property
    def read_bytes(self) -> int:
        """Bytes to read at once, including the data left over."""
        return min(READ_BYTES, len(self._leftover) + self.budget.read_bytes)

    def align(self, arena: Arena, begin: int, end: int) -> int:
        """Parse packet by packet until nvr.media.batch.batch_depacketizer can continue; return that position."""
        return self._parse(arena.buffer, arena.view, begin, end, align=True)

    @property
    def is_aligned(self) -> bool:
        return self._depacketizer.between_pictures

    def region(self, begin: int, end: int) -> Region | None:
        """Return the data as a region for the batch depacketizer; None where it must be parsed packet by packet."""
        if not self.is_aligned or self._receiver.has_candidate or end - begin < 20:
            return None
        t, source = self._rtsp.track, self._receiver.ssrc
        return Region(self._depacketizer, begin, end, self._channel, t.payload_type, t.codec == VideoCodec.H265, source)

    def after_batch(self, arena: Arena, region: Region) -> None:
        """Keep the data that nvr.media.batch.batch_depacketizer left, and process audio and RTCP.

        Raises StreamStalled for a BYE.
        """
        self._leftover = region.unread(arena.view)
        for at in region.other_frames:
            length = arena.buffer[at + 2] << 8 | arena.buffer[at + 3]
            self._other(arena.buffer, arena.view, at + 4, at + 4 + length, arena.buffer[at + 1])
        if len(self._leftover) > MAX_INCOMPLETE_BYTES:
            self._parse_large_picture(bytearray(self._leftover))

    def _parse_large_picture(self, half: bytearray) -> None:
        """Parse packet by packet, because the picture may be larger than one read.

        Its data then need not be kept until its end.
        """
        self._leftover = bytes(half[self._parse(half, memoryview(half), 0, len(half)) :])

    def parse(self, arena: Arena, begin: int, end: int) -> None:
        """Parse the data packet by packet."""
        self._leftover = bytes(arena.view[self._parse(arena.buffer, arena.view, begin, end) : end])

    def due(self, tick: int) -> bool:
        """Return whether to read in this tick.

        With a live viewer every tick; otherwise once per fragment, because fewer, longer writes suit the disk.
        """
        return (tick + self.phase) % self._fragment_ticks == 0 or self._sink.live is not None

    def finish_tick(self, now: float) -> None:
        """Emit what was parsed (its buffers are valid for this tick only), and check for a stall.

        Raises CameraError.
        """
        if len(self._leftover) > MAX_LEFTOVER:
            raise ProtocolError("the camera sends data that is not media")
        self._depacketizer.flush_ready(waiting=bool(self._leftover) or self._is_held)
        self._flush_audio()
        self._watch(now)

    def _parse(self, buffer: Buffer, view: memoryview, position: int, end: int, *, align: bool = False) -> int:
        """Parse the complete interleaved frames; return the position of the rest.

        `align`: stop where nvr.media.batch.batch_depacketizer can continue.
        """
        packet, unpack = self._receiver.process_packet, _FRAME.unpack_from
        heads, interruptions = message_text.Heads(buffer, end), 0
        while position + 12 <= end:
            mark, on, length = unpack(buffer, position)
            if mark != b"$":
                interruptions += 1
                if interruptions > MAX_INTERRUPTIONS:
                    raise ProtocolError("the camera sends text between its packets without end")
                found = self._foreign(buffer, position, end, heads)
                if found < 0:
                    break
                position = found
                continue
            following = position + 4 + length
            if following > end:
                if length == 0 or (on > 15 and on not in self._rtsp.channels):  # not a frame: the framing is lost
                    position += 1
                    continue
                break
            if (
                on == self._channel
                and length >= rtp_receiver.MIN_PACKET_BYTES
                and not rtcp.FIRST <= buffer[position + 5] <= rtcp.LAST
            ):
                packet(buffer, view, position + 4, following)
                if align and buffer[position + 5] & 0x80 and self._depacketizer.is_aligned():
                    return int(following)
            elif length >= rtcp.MIN_PACKET_BYTES:
                self._other(buffer, view, position + 4, following, on)
            position = following
        return position

    def _other(self, buffer: Buffer, view: memoryview, at: int, end: int, channel: int) -> None:
        """Process audio, and the sender reports of both tracks; count packets on other channels."""
        receiver = self._audio_receiver
        if end - at < rtp_receiver.MIN_PACKET_BYTES and not rtcp.FIRST <= buffer[at + 1] <= rtcp.LAST:
            return
        if rtcp.FIRST <= buffer[at + 1] <= rtcp.LAST:
            if channel in (self._rtsp.rtcp_channel, self._channel):
                self._video_rtcp(buffer, at, end)
            elif receiver is not None and channel in (self._rtsp.audio_rtcp_channel, self._rtsp.audio_channel):
                self._audio_rtcp(receiver, buffer, at, end)
            return
        if self._counters.lost_packets - self._lost_before >= LOST_BEFORE_SHARED_NUMBERS:
            self._receiver.other_channel(buffer[at + 2] << 8 | buffer[at + 3], channel)
        if receiver is not None and channel == self._rtsp.audio_channel:
            receiver.process_packet(buffer, view, at, end)
        elif self._receiver.ssrc < 0 and channel == self._rtsp.rtcp_channel:
            self._swap_channels(buffer[at + 1])
        else:
            self._counters.foreign_packets += 1

    def _swap_channels(self, second: int) -> None:
        """Swap RTP and RTCP channels before the first packet if RTP packets show that they are reversed."""
        if second & 0x7F == self._rtsp.track.payload_type:
            self._channel, self._rtsp.rtcp_channel = self._rtsp.rtcp_channel, self._channel

    def _video_rtcp(self, buffer: Buffer, at: int, end: int) -> None:
        """Process each packet of a compound RTCP packet (RFC 3550, 6.1)."""
        for _ in range(rtcp.MAX_COMPOUND):
            if at + rtcp.MIN_PACKET_BYTES > end:
                return
            kind, size = buffer[at + 1], 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
            if kind == rtcp.SENDER_REPORT and at + 20 <= end:
                self._sender_report(buffer, at)
            elif kind == rtcp.BYE and self._ended_by(buffer, at, min(end, at + size)):
                raise StreamStalled("the camera ended the stream (RTCP BYE)")
            at += size

    def _ended_by(self, buffer: Buffer, at: int, end: int) -> bool:
        """Return whether the BYE names the source of our pictures."""
        own = {self._receiver.ssrc if self._receiver.ssrc >= 0 else self._ssrc} - {0}
        return not own or bool(own & rtcp.bye_sources(buffer, at, end))

    def _audio_rtcp(self, receiver: AudioReceiver, buffer: Buffer, at: int, end: int) -> None:
        camera_us, time = receiver.parse_sender_report(buffer, at, end)
        if camera_us:
            self._sink.audio_sender_report(camera_us, time)

    def _flush_audio(self) -> None:
        if self._audio is not None and (run := self._audio.take()) is not None:
            self._sink.write_audio(run, self._audio.track, self.arrival_us)

    def _foreign(self, buffer: Buffer, position: int, end: int, heads: message_text.Heads) -> int:
        """Skip an RTSP reply, or resynchronise; return the new position, -1 where more data is needed."""
        if buffer[position : position + 5] == b"RTSP/":
            message = heads.after_message(position, MAX_BODY)
            if message is not None:
                self._handle_keepalive_reply(message[0])
                return min(end, message[1])
            if end - position <= message_text.MAX_HEAD:
                return -1
        pattern = b"$" + bytes((self._channel,))
        found: int = buffer.find(pattern, position + 1, end)
        return found if found >= 0 else end - 1

    def _handle_keepalive_reply(self, head: bytes) -> None:
        """Process the reply to a keep-alive. Send it again where another nonce or another method may help."""
        status = head[9:12]
        if status == b"401":
            if self._rtsp.auth.challenge([v for k, v in message_text.fields(head)[1] if k == "www-authenticate"]):
                self.socket.send(self._rtsp.request(self._rtsp.keepalive))
        elif status[:1] in (b"4", b"5") and self._rtsp.keepalive != "OPTIONS":
            self._rtsp.keepalive = "OPTIONS"
            self.socket.send(self._rtsp.request("OPTIONS"))
        elif status[:1] == b"2":
            self._rtsp.auth.accepted()
            self._watchdog.sign(self._now)

    def _sender_report(self, buffer: Buffer, at: int) -> None:
        ssrc = int.from_bytes(buffer[at + 4 : at + 8], "big")
        # The report may be of an old session, whose clock is unrelated.
        if self._receiver.is_foreign(ssrc) or self._receiver.ssrc not in (-1, ssrc):
            return
        self._ssrc = ssrc
        if self._reception.matches_sender_report(int.from_bytes(buffer[at + 20 : at + 24], "big")):
            self._watchdog.sign(self._now)
        camera_us, ts = rtcp.sender_report(buffer, at)
        if camera_us:
            self._sink.sender_report(camera_us, self._depacketizer.unwrapped(ts), self.arrival_us)

    def _watch(self, now: float) -> None:
        """Check that pictures arrive, and request keyframes, keep-alives and reports that are due.

        Raises StreamStalled.
        """
        depacketizer, self._now = self._depacketizer, now
        if self._watchdog.check(now, depacketizer.pictures_received, waits=depacketizer.waits_for_keyframe):
            self._request_keyframe()
        depacketizer.set_start_points(
            self._start_points.observe(now, self._watchdog.waited(now) if depacketizer.pictures_received else 0.0)
        )
        if depacketizer.waits_for_keyframe and depacketizer.pictures_received:
            self._report_missing_keyframe(now)
        if depacketizer.ignores_numbers and not self._numbers_reported:
            self._numbers_reported = True
            log.warning("%s: %s", self._sink.stream, NUMBERS_IGNORED_TEXT, extra={"stream": self._sink.stream})
        if now >= self._keepalive_due or self._watchdog.wants_sign(now):
            self._keepalive_due = now + self._rtsp.timeout / 2
            self.socket.send(self._rtsp.request(self._rtsp.keepalive))
        if now >= self._report_due:
            self._report_due = now + REPORT_SECONDS
            self._send_rtcp(self._reception.receiver_report(self._ssrc, (self._depacketizer.next_seq - 1) & 0xFFFF))
            self.socket.adapt(REPORT_SECONDS)

    def _report_missing_keyframe(self, now: float) -> None:
        """Begin a gap while pictures arrive that cannot be recorded before a keyframe: the first, or after a loss."""
        if self._watchdog.waited(now) > FIRST_REQUEST_S:
            lost = self._depacketizer.keyframe_was_lost
            self._sink.start_gap(
                GapCause.PACKET_LOSS if lost else GapCause.NO_KEYFRAME,
                self._depacketizer.missing_reason,
                self._sink.wall_us(self.tick_us),
            )

    def _request_keyframe(self) -> None:
        """Request a keyframe by RTCP where the camera offers it, and by other means (ONVIF)."""
        source = self._receiver.ssrc if self._receiver.ssrc >= 0 else self._ssrc
        if offers := self._rtsp.track.feedback:
            self._fir_number = (self._fir_number + 1) & 255
            kind = KeyframeRequest.PLI if KeyframeRequest.PLI in offers else KeyframeRequest.FIR
            self._send_rtcp(rtcp.keyframe_request(kind, source, self._fir_number))
        self._ask_keyframe(self._sink.stream)

    def _send_rtcp(self, packet: bytes) -> None:
        self.socket.send(struct.pack(">cBH", b"$", self._rtsp.rtcp_channel, len(packet)) + packet)

    def close(self) -> None:
        """Store what is complete, send TEARDOWN, close the socket."""
        rest = bytearray(self._leftover + self.socket.unread())
        with contextlib.suppress(MinwangError):  # the session is over anyway
            self._parse(rest, memoryview(rest), 0, len(rest))
        self._depacketizer.flush()
        self._flush_audio()
        self.socket.send(self._rtsp.request("TEARDOWN"))
        self.socket.close()
