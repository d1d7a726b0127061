"""Group NAL units into pictures: H.264 (7.4.1.2.3 and 7.4.1.2.4) and H.265 (7.4.2.4.4), also of non-conforming cameras.

A picture is delimited by its timestamp and by its slice headers: the first slice is flagged as first. Access unit
delimiters and the RTP marker are hints. If a camera has proved to end its pictures with the marker, the marker
completes a picture (`marker_trust`); otherwise a picture is complete when the next one begins. Units without a slice
form no picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import ProtocolError
from nvr.media.buffers.iovec import Part
from nvr.media.codec.embedded_units import is_plausible_picture
from nvr.media.codec.nal_units import (
    MAX_SEI,
    NalRole,
    field_of,
    first_macroblock,
    has_recovery_point,
    is_first_slice,
    is_intra_slice,
    is_key_type,
    nal_type,
    role_of,
    role_of_type,
    slice_pps_id,
)
from nvr.media.codec.parameter_set_store import ParameterSetStore
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.pictures.marker_trust import MarkerTrust
from nvr.media.pictures.start_points import StartPointKind
from nvr.media.rtp.rtp_payload import MAX_PICTURE_BYTES
from nvr.rtsp.sdp import VideoCodec

MAX_PENDING_UNITS = 64  # SEI, or changed PPS, held until their picture begins


@dataclass(slots=True)
class Picture:
    """One access unit; its bytes are NAL units with 4-byte lengths."""

    ts: int  # RTP timestamp
    key: bool = False
    start: bool = False  # not a keyframe, but decoding may begin with it (nvr.media.pictures.start_points) …
    by_intra: bool = False  # … because all its slices are intra
    video: VideoFormat | None = None  # of a keyframe; None: its parameter sets are missing
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    slices: int = 0
    damaged: bool = False
    first_slice: bytes = b""
    has_first: bool = False  # its first slice was received
    highest: int = 0  # highest first_mb_in_slice of its slices (H.264)
    second_field: bool = False
    changed_pps: tuple[bytes, ...] = ()  # PPS that changed before it
    marked: bool = False  # its newest packet had the marker
    mark_inside: bool = False  # an earlier packet had the marker
    lost: int = 0  # packets missing inside it, or between it and the previous picture
    near_loss: bool = False  # packets are missing around it: its marker proves nothing

    def add(self, nal: bytes) -> None:
        """Append a NAL unit. Raises ProtocolError where the picture exceeds MAX_PICTURE_BYTES bytes."""
        self.parts += (len(nal).to_bytes(4, "big"), nal)
        self.size += len(nal) + 4
        if self.size > MAX_PICTURE_BYTES:
            raise ProtocolError(f"the camera sends a picture of more than {MAX_PICTURE_BYTES} bytes")


class PictureBuilder:
    """Picture builder of one track of one session. It calls `done` with every picture, damaged ones included."""

    def __init__(self, codec: VideoCodec, sets: ParameterSetStore, done: Callable[[Picture], None]):
        self._codec = codec
        self._done = done
        self.sets = sets
        self.markers = MarkerTrust()
        self.open: Picture | None = None
        self.packets_missing = False  # packets are missing since the newest slice
        self._missing = 0  # packets missing that are not yet attributed to a picture
        self.skipped = 0  # useless units since the caller last reset it
        self.pps_id = -1  # of the newest keyframe
        self.sets_version = -1  # version of the parameter sets at the newest keyframe
        self._prefix: list[tuple[bytes, int]] = []  # SEI that precede their slices
        self._prefix_size = 0  # bytes of `_prefix`
        self._delimited = False  # a delimiter was received since the newest slice
        self._changed_pps: list[bytes] = []  # since the newest complete picture; they go into the next one
        self._new_sps = False  # since the newest keyframe: a PPS may belong to it, and waits for its keyframe
        self._sets_inside = False  # the GOP has parameter sets between its pictures
        self._doubtful: list[tuple[bytes, int]] = []  # found in a vendor's unit (nvr.media.codec.embedded_units)
        self._contested = -1  # timestamp for which two vendor's units contained a picture
        self._newest_slice = b""  # head of the first slice of the newest undamaged picture
        self._newest = (-1, b"")  # timestamp and first slice of that picture
        self.start_points = StartPointKind.NONE  # which pictures besides keyframes may begin a recording
        # An SPS precedes the picture that begins; one preceded the newest picture.
        self._sps_before = self._sps_before_last = False
        self._any_order = False  # the camera uses arbitrary slice order (H.264 Baseline)

    @property
    def is_idle(self) -> bool:
        """True if nothing is held back or missing, so that the next unit begins a picture."""
        return (
            self.open is None
            and not self.packets_missing
            and not self._prefix
            and not self._changed_pps
            and not self._doubtful
        )

    def unit(self, nal: bytes, ts: int) -> None:
        """Process a NAL unit and the RTP timestamp of its first packet."""
        role, picture = role_of(nal, self._codec), self.open
        if role is NalRole.SLICE:
            self._add_slice(nal, ts)
        elif role is NalRole.PARAMETER_SET:
            self._parameter_set(nal)
        elif role is NalRole.SEI:
            if picture is not None and picture.marked and picture.ts == ts:
                picture.mark_inside = True
            self._hold(nal, ts)
        elif role in (NalRole.TRAILER, NalRole.PARTITION):
            if picture is not None and picture.slices:
                picture.add(nal)
        elif role is NalRole.DELIMITER:
            self._delimited = True

    def hold_doubtful(self, units: list[tuple[bytes, int]]) -> None:
        """Hold units that are either units of a picture or a vendor's bytes.

        The next units with their timestamp show which. A picture that arrives separately, or a loss, speaks against
        them.
        """
        ts = units[0][1]
        if self._doubtful and self._doubtful[0][1] == ts:  # at most one can be the picture: use neither
            self._doubtful, self._contested = [], ts
        self._resolve_doubtful()
        picture = self.open
        if (
            self.packets_missing
            or ts == self._contested
            or (picture is not None and picture.ts == ts and picture.slices)
        ):
            return  # the picture arrives separately, or it may have arrived in the lost packets
        before = (
            picture.first_slice[:64]
            if picture is not None and picture.slices and not picture.damaged
            else self._newest_slice
        )
        if is_plausible_picture([nal for nal, _ in units], self._codec, self.sets, before):
            self._doubtful = units

    def _resolve_doubtful(self, nal: bytes = b"", ts: int = -1) -> None:
        """Use or drop the held units.

        `nal` is a slice that has just arrived; without one, no more units arrive with the timestamp of the held ones.
        """
        if not self._doubtful:
            return
        units, self._doubtful = self._doubtful, []
        if self.packets_missing or (nal and ts == units[0][1] and is_first_slice(nal, self._codec)):
            return
        for unit, of in units:
            self.unit(unit, of)

    def record_marker(self, ts: int, *, inside_unit: bool) -> None:
        """Record that the newest packet had the marker; `inside_unit`: a NAL unit continues after it."""
        if not inside_unit:
            self._resolve_doubtful()
        picture = self.open
        if picture is not None and picture.slices and picture.ts == ts:
            picture.marked = picture.marked or not inside_unit
            picture.mark_inside |= inside_unit

    def interrupt(self, missing: int) -> None:
        """Record that `missing` packets are missing: from the open picture, the beginning of the next one, or both."""
        picture = self.open
        self._missing += missing
        if picture is not None:
            picture.damaged |= not (picture.marked and self.markers.trusted)
            picture.near_loss = True
            if picture.damaged:
                picture.lost, self._missing = picture.lost + self._missing, 0
        self.packets_missing = True

    def record_incomplete_unit(self, kind: int, ts: int, *, unknown: bool) -> None:
        """Record a NAL unit of type `kind` that is incomplete; `unknown`: a unit of any type may contain slices."""
        is_slice = role_of_type(kind, self._codec) in (NalRole.SLICE, NalRole.PARTITION)
        if not is_slice and not unknown:
            return
        picture = self.open
        if picture is None or picture.ts != ts:
            picture = self._begin_picture(ts)
        picture.damaged = picture.near_loss = True
        picture.key |= is_key_type(kind, self._codec) or not is_slice

    def close(self, *, more: bool = False) -> None:
        """Finish the open picture, complete or not; SEI that followed its slices with its timestamp belong to it.

        `more`: packets of the next picture may already have been received, and others may follow.
        """
        if not more:
            self._resolve_doubtful()
        if self.open is not None:
            self._keep_trailing_sei(self.open)
        self._finish_picture()

    def give_up(self) -> None:
        """Drop the open picture."""
        self.open = None
        self._doubtful = []
        self._prefix.clear()

    def _finish_picture(self) -> None:
        picture, self.open = self.open, None
        if picture is None:
            return
        picture.damaged |= not picture.has_first
        picture.start &= not picture.damaged
        picture.key |= picture.start
        if not picture.near_loss:
            self.markers.picture(ended=picture.marked and not picture.mark_inside, key=picture.key)
        if not picture.damaged:
            self._newest_slice, self._newest = picture.first_slice[:64], (picture.ts, picture.first_slice)
            self._changed_pps = [nal for nal in self._changed_pps if nal not in picture.changed_pps]
            self._sets_inside = self._sets_inside_after(picture)
        self._done(picture)

    def _sets_inside_after(self, picture: Picture) -> bool:
        if picture.key and picture.video is not None:
            return False
        return self._sets_inside or (bool(picture.changed_pps) and not picture.key)

    def restart(self) -> None:
        """Finish the open picture because another source takes over, and drop what was held for the next one."""
        if self.open is not None:
            self.open.near_loss = True
        self.close()
        self._prefix.clear()
        self._changed_pps.clear()
        self._new_sps = self._sets_inside = False

    # parameter sets and SEI

    def _hold(self, nal: bytes, ts: int) -> None:
        if len(self._prefix) >= MAX_PENDING_UNITS or self._prefix_size > 4 * MAX_SEI:
            self.skipped += len(self._prefix)
            self._prefix.clear()
        self._prefix_size = len(nal) + (self._prefix_size if self._prefix else 0)
        self._prefix.append((nal, ts))

    def _parameter_set(self, nal: bytes) -> None:
        change = self.sets.add(nal)
        if change is None:
            self.skipped += 1
        elif change and nal_type(nal, self._codec) not in (8, 34):
            self._new_sps = True
            self._changed_pps.clear()
        elif change and not self._new_sps:
            if len(self._changed_pps) >= MAX_PENDING_UNITS:  # no complete picture has used them for a long time
                del self._changed_pps[0]
            self._changed_pps.append(nal)
        self._sps_before |= nal_type(nal, self._codec) in (7, 33)

    # slices

    def _add_slice(self, nal: bytes, ts: int) -> None:
        self._resolve_doubtful(nal, ts)
        first, picture = is_first_slice(nal, self._codec), self.open
        if self._is_repeated(picture, nal, ts, first=first):
            self.skipped += 1
            return
        key = is_key_type(nal_type(nal, self._codec), self._codec)
        if picture is None or self._begins_picture(picture, nal, ts, first=first):
            if picture is not None and picture.ts != ts:
                self._keep_trailing_sei(picture)
            picture = self._begin_picture(ts)
            picture.key, picture.first_slice = key, nal
            if self.start_points and not key:
                self._decide_start(picture, nal)
            self._sps_before, self._sps_before_last = False, self._sps_before
            if first or (self._codec == "h264" and not self.packets_missing):
                self._provide_sets(picture, nal)
        elif picture.marked:
            picture.marked, picture.mark_inside = False, True
        if picture.by_intra and not _is_intra(nal):
            picture.start = picture.by_intra = False
        picture.damaged |= self.packets_missing and (self._any_order or not first)
        picture.near_loss |= self.packets_missing
        picture.key |= key
        for sei, _ in self._prefix:
            picture.add(sei)
        self._prefix.clear()
        picture.add(nal)
        picture.slices += 1
        picture.has_first |= first
        if self._codec == "h264":
            self._check_order(picture, nal)
        self.packets_missing = self._delimited = False

    def _is_repeated(self, picture: Picture | None, nal: bytes, ts: int, *, first: bool) -> bool:
        """Return whether the slice is a repetition, sent again in packets of its own."""
        if picture is None or picture.ts != ts:
            return first and (ts, nal) == self._newest
        return bool(picture.parts) and nal == (picture.first_slice if first else picture.parts[-1])

    def _decide_start(self, picture: Picture, nal: bytes) -> None:
        """Decide whether decoding may begin with a picture that is not a keyframe."""
        picture.start = any(has_recovery_point(sei, self._codec) for sei, _ in self._prefix)
        if self.start_points < StartPointKind.ANY or picture.start:
            return
        if self._codec == "h264":
            picture.start = picture.by_intra = _is_intra(nal)
        else:  # encoders repeat parameter sets where a refresh begins
            picture.start = self._sps_before and not self._sps_before_last

    def _check_order(self, picture: Picture, nal: bytes) -> None:
        at = _macroblock(nal)
        if at < picture.highest and not picture.near_loss and not picture.second_field:
            self._any_order = True
        picture.highest = max(picture.highest, at)

    def _begins_picture(self, picture: Picture, nal: bytes, ts: int, *, first: bool) -> bool:
        if ts == picture.ts:
            if self._codec == "h264" and not picture.has_first and picture.slices:
                return False  # arbitrary slice order: only the timestamp delimits pictures
            return first and not self._is_second_field(picture, nal)
        if self._any_order or first or self.packets_missing or self._delimited or not picture.slices:
            return True
        if picture.marked and self.markers.trusted:  # it has ended: the slice belongs to one that began unseen
            return True
        # Some cameras give every packet the time of sending: then the slice continues after the previous one.
        return self._codec == "h264" and _macroblock(nal) <= picture.highest

    def _is_second_field(self, picture: Picture, nal: bytes) -> bool:
        """Return whether the slice is the second field of a frame; both fields with one timestamp are one sample."""
        if self._codec != "h264" or not picture.first_slice or picture.second_field:
            return False
        try:
            sps = self.sets.h264_sps(slice_pps_id(nal, "h264"))
            if sps is None or sps.frames_only:
                return False
            first, second = (field_of(n, sps.frame_num_bits, sps.separate_planes) for n in (picture.first_slice, nal))
        except ProtocolError:
            return False
        picture.second_field = bool(first and second and first[0] == second[0] and first[1] != second[1])
        return picture.second_field

    def _keep_trailing_sei(self, picture: Picture) -> None:
        """Add SEI that followed the picture's slices with its timestamp to the picture."""
        if picture.slices:
            for sei, of in self._prefix:
                if of == picture.ts:
                    picture.add(sei)
            self._prefix = [p for p in self._prefix if p[1] != picture.ts]

    def _begin_picture(self, ts: int) -> Picture:
        self._finish_picture()
        self.open = picture = Picture(ts, lost=self._missing)
        self._missing = 0
        return picture

    def _provide_sets(self, picture: Picture, nal: bytes) -> None:
        """Provide the parameter sets that a picture needs when its first slice arrives."""
        picture.changed_pps = tuple(self._changed_pps)
        if picture.key or picture.start:
            self._new_sps = False
            self._use_format(picture, nal)
        else:
            for parameter_set in picture.changed_pps:
                picture.add(parameter_set)

    def _use_format(self, picture: Picture, nal: bytes) -> None:
        try:
            self.pps_id = slice_pps_id(nal, self._codec)
            picture.video = self.sets.format(self.pps_id)
        except ProtocolError:
            return
        self.sets_version = self.sets.version
        if self._sets_inside and picture.video is not None:
            # A decoder that continues from the previous GOP must return to the parameter sets of the file's head.
            for parameter_set in picture.video.sets:
                picture.add(parameter_set)


def _is_intra(nal: bytes) -> bool:
    try:
        return is_intra_slice(nal)
    except ProtocolError:
        return False


def _macroblock(nal: bytes) -> int:
    try:
        return first_macroblock(nal)
    except ProtocolError:
        return 0
