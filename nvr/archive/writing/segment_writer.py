"""Writes fragments to segment files and reports them to the archive log: the only place that writes recordings to disk.

A SegmentWriter belongs to one stream. The engine that reads the camera hands it `FragmentSamples` runs of pictures. The
sink converts their media time to wall time (nvr.clock.wall_clock), cuts them into files of about `segment_seconds` at
keyframes, records gaps (nvr.archive.coverage.timeline), and offers every fragment to live viewers. Facts go to
an ArchiveLog.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable

from core.units import us_to_media, us_to_media_up
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import JITTER_US, MIN_GAP_US, ArchiveLog, ClockStep, PictureInterval, Timeline
from nvr.archive.segment_index import Segment
from nvr.archive.writing.audio_placement import AudioPlacement
from nvr.archive.writing.clock_discipline import ClockDiscipline
from nvr.archive.writing.open_segment import OpenSegmentFile, durable_media_us
from nvr.clock.station_clock import StationClock
from nvr.clock.wall_clock import WallClock
from nvr.media.buffers import iovec
from nvr.media.mp4 import audio_boxes, fmp4, gop_index
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.samples import AudioRun, FragmentSamples, StreamCounters
from nvr.rtsp.sdp import AudioTrack
from nvr.storage.disk_writer import DISK_FULL_ERRNOS, SegmentFile
from nvr.storage.volume_set import Disk, VolumeSet
from nvr.tables import GapCause, VolumeState

log = logging.getLogger(__name__)

MIN_GAP_TICKS = us_to_media(MIN_GAP_US)
LATE_RUN_PAUSE_US = 700_000  # after this long without pictures, the next run may be late
DISK_RETRY_US = 10_000_000  # pause after the only usable disk refused a write
NO_DISK_RETRY_US = 1_000_000  # pause while no disk can be used

LiveTap = Callable[[FragmentSamples, OpenSegmentFile, bytes], None]


class SegmentWriter:
    """Writes the fragments of one stream to segment files.

    `in_loop` schedules a call from the writer thread in the event loop.
    """

    def __init__(
        self,
        stream: str,
        volumes: VolumeSet,
        archive: ArchiveLog,
        counters: StreamCounters,
        segment_seconds: float,
        in_loop: Callable[[Callable[[], None]], object],
        clock: WallClock | None = None,
    ):
        self.stream = stream
        self._volumes = volumes
        self._archive = archive
        self._counters = counters
        # Stagger rotation: cameras that started at the same time must not all change files at the same time.
        self._segment_seconds = segment_seconds
        self._first_segment_seconds = segment_seconds * (0.5 + zlib.crc32(stream.encode()) % 1000 / 2000)
        self._in_loop = in_loop
        self._rotations = 0
        self.segment: OpenSegmentFile | None = None
        self.live: LiveTap | None = None
        self.timeline = Timeline(stream, archive)
        self.clock = clock or WallClock()
        self._discipline = ClockDiscipline(stream, self.clock, self.timeline)
        self._interval = PictureInterval()
        self._origin: int | None = None
        self._held: tuple[FragmentSamples, int] | None = None  # a run whose time only the next run determines
        self._arrival_us = 0
        self._lost_packets_before = 0  # lost packets, up to the newest run
        self._last_start = 0  # µs UTC, of the newest file
        self._blocked_until_us = 0  # after a disk error, nothing is written before this time
        self._disk: Disk | None = None
        self._audio_placement = AudioPlacement(self.clock)
        self.segments_made = 0
        self.recorded_ticks = 0  # 90 kHz; duration of the pictures handed to a file

    @property
    def covered_until(self) -> int | None:
        """Wall time until which the stream is covered, µs UTC."""
        return self.timeline.covered_until

    @property
    def in_gap(self) -> bool:
        return self.timeline.in_gap

    def follow_station_clock(self, station: StationClock, stepped: Callable[[ClockStep], None]) -> None:
        """Follow the station's clock; `stepped` is called when the stream has adopted a change of it."""
        self._discipline.follow(station, stepped)

    def take_over(self, old: SegmentWriter) -> None:
        """Continue where another sink of the stream ended.

        This sink corrects the files that a wrong clock named there.
        """
        old.end_session()
        self.timeline.resume(old.covered_until, old.in_gap, old.timeline.last_cause)
        self._discipline.file_names, self._last_start = old._discipline.file_names, old._last_start

    def suspend(self) -> None:
        """Stop for a while in which the stream is not recorded."""
        self.end_session()
        self.live = None

    def wall_us(self, steady_us: int) -> int:
        """Return the wall time of an instant of the station's steady time."""
        return steady_us + self.clock.correction_us

    def start_gap(self, cause: GapCause, detail: str, now_us: int) -> None:
        """Start a gap because recording stopped; it runs from the last covered instant.

        The next run begins a new file.
        """
        self._place_held_run()
        self._close(slew=False)
        self.timeline.start_gap(cause, detail, now_us)

    def begin_session(self, sound: AudioTrack | None = None) -> None:
        """Start a new connection: media times start over, and a new file begins."""
        self.end_session()
        self._discipline.begin_session()
        self.clock.restart()
        self._interval = PictureInterval()
        self._audio_placement.begin_session(sound)

    def sender_report(self, camera_us: int, stream_time: int, arrival_us: int) -> None:
        """Take a sender report: the camera's clock read `camera_us` at `stream_time` (90 kHz)."""
        self.clock.report(camera_us, stream_time)

    def audio_sender_report(self, camera_us: int, sound_time: int | None) -> None:
        """Take a sender report of the audio; `sound_time` is in units of its sampling rate."""
        self._audio_placement.report(camera_us, sound_time)

    def clock_stepped(self, by_us: int) -> None:
        """Register a change of the station's clock: the next file begins by the new time."""
        self._discipline.register_step(by_us)
        if self.segment is None:
            self._take_step()

    def _take_step(self) -> None:
        if self._discipline.take_step():
            self._last_start = 0

    def write_fragment(self, run: FragmentSamples, arrival_us: int) -> None:
        """Take a run of pictures that had all arrived by `arrival_us` (µs of the station's steady time)."""
        paused, self._arrival_us = arrival_us - self._arrival_us > LATE_RUN_PAUSE_US, arrival_us
        if self._held is not None:
            self._place_held_run((_newest(run), arrival_us))
        elif paused and self.clock.is_in_doubt(run.time, run.durations, arrival_us):
            run.parts = [iovec.joined(run.parts)]  # slices of the receive buffer do not live that long
            self._held = (run, arrival_us)
            return
        self._place(run, arrival_us)
        self._lost_packets_before = self._counters.lost_packets

    def _place_held_run(self, following: tuple[int, int] | None = None) -> None:
        if self._held is None:
            return
        (run, arrival_us), self._held = self._held, None
        if following is not None:
            self.clock.resolve((_newest(run), arrival_us), following)
        self._place(run, arrival_us)

    def _place(self, run: FragmentSamples, arrival_us: int) -> None:
        """Convert a run from media time to the station's time and write it to a file."""
        if run.discontinuity:
            self._close(slew=False)
            self.clock.restart()
        jumps = self.clock.jumps
        run.time, run.durations = self.clock.place(run.time, run.durations, arrival_us)
        self._counters.timestamp_jumps += self.clock.jumps - jumps
        segment = self.segment
        if segment is not None and segment.fragments:
            hole = self._extend_to(segment, run)
            stepped = self._discipline.is_step_pending
            if run.starts_with_keyframe and (hole >= MIN_GAP_TICKS or stepped or self._must_rotate(segment, run)):
                self.timeline.last_cause = self._cause_of_hole(run, 0)
                run.time += self._close(slew=True)
                self._take_step()
                segment = None
        if segment is None:
            if not run.starts_with_keyframe or arrival_us < self._blocked_until_us:
                return
            segment = self._open(run, arrival_us)
            if segment is None:
                return
        self._write(segment, run)

    def _extend_to(self, segment: OpenSegmentFile, run: FragmentSamples) -> int:
        """Extend the last written picture to the start of the run, except over missing pictures.

        Return the duration of the pictures that are missing directly before the run, 90 kHz.
        """
        before = 0
        for i, missing in self._interval.missing(run.time - segment.newest, run.durations):
            until = run.time + sum(run.durations[:i])
            if i == 0:
                before = missing
            if (
                i or missing < MIN_GAP_TICKS or not run.starts_with_keyframe
            ):  # otherwise the next file reports the gap between two files
                start, end = self.clock.wall(until - missing), self.clock.wall(until)
                self.timeline.report_missing(start, end, self._cause_of_hole(run, i), fillable=False)
        segment.extend_to(run.time - before if before >= MIN_GAP_TICKS else run.time)
        return before

    def _write(self, segment: OpenSegmentFile, run: FragmentSamples) -> None:
        head = fmp4.moof(
            segment.fragments + 1,
            run.time - segment.base,
            run.durations,
            run.sizes,
            run.starts_with_keyframe,
            run.offsets,
        )
        if not segment.disk.writer.append(segment.file, head, *run.parts, size=len(head) + sum(run.sizes)):
            self._disk_behind(segment)
            return
        segment.add(run)
        self.recorded_ticks += sum(run.durations)
        self.timeline.cover_until(self.clock.wall(segment.end))
        if self.live is not None:
            self.live(run, segment, head)

    def write_audio(self, run: AudioRun, track: AudioTrack, arrival_us: int) -> None:
        """Take audio, which is placed by its arrival like pictures."""
        segment = self.segment
        time = self._audio_placement.place(run, track, arrival_us, segment)
        if segment is None or time is None:
            return
        head = audio_boxes.moof(segment.fragments + 1, time, run)
        if segment.disk.writer.append(segment.file, head, bytes(run.data), size=len(head) + len(run.data)):
            segment.add_audio(time + sum(run.durations))

    def _must_rotate(self, segment: OpenSegmentFile, run: FragmentSamples) -> bool:
        limit = self._first_segment_seconds if self._rotations == 0 else self._segment_seconds
        long_enough = run.time - segment.base >= limit * TIMESCALE - TIMESCALE // 10
        return long_enough or run.video != segment.video or segment.file.error is not None or not segment.disk.usable

    def _open(self, run: FragmentSamples, arrival_us: int) -> OpenSegmentFile | None:
        disk = self._volumes.choose_disk(self.stream, self._disk)
        if disk is None:
            self._block(arrival_us, self.clock.wall(run.time))
            return None
        start = self._begin_file(run)
        self._disk = disk
        path = disk.path / self.stream / segment_index.name_of(start)
        file = SegmentFile(path, lambda e: self._in_loop(lambda: self._failed(file, disk, e)))
        init = fmp4.init_segment(run.video, self._audio_placement.track)
        if not disk.writer.append(file, init, size=len(init)):
            self.timeline.cover_until(start)
            self.start_gap(GapCause.DISK_ERROR, "the disk is too slow", start)
            return None
        self._origin = run.time if self._origin is None else self._origin
        self.segment = OpenSegmentFile(
            file,
            disk,
            start,
            run.time,
            run.video,
            len(init),
            self._counters.lost_packets,
            self._origin,
            self._audio_placement.track,
            end=run.time,
        )
        self.segments_made += 1
        self._archive.segment_opened(Segment(self.stream, disk.number, start, start, open=True))
        return self.segment

    def _block(self, arrival_us: int, now_us: int) -> None:
        """Start a gap because no disk can be used, and try again later."""
        self._blocked_until_us = arrival_us + NO_DISK_RETRY_US
        is_full = {d.state for d in self._volumes.disks} == {VolumeState.FULL}
        cause = GapCause.DISK_FULL if is_full else GapCause.DISK_ERROR
        self.timeline.start_gap(cause, "no disk can be used", now_us)

    def _begin_file(self, run: FragmentSamples) -> int:
        """Return when a file that begins with the run starts (µs UTC, its name); move the run there."""
        # Two files need different names.
        start = self.timeline.begin_recording(max(self.clock.wall(run.time), self._last_start + 1))
        by = us_to_media_up(start - self.clock.wall(run.time))
        if by:
            self.clock.move(by)
            run.time += by
        self._last_start = start
        self._discipline.file_names.add(start)
        return start

    def _cause_of_hole(self, run: FragmentSamples, before: int) -> GapCause:
        """Return why pictures are missing before picture `before` of the run: whether packets were lost there.

        If the engine cannot tell the position, the losses since the previous run count.
        """
        lost = (
            run.losses.get(before, 0)
            if run.losses is not None
            else self._counters.lost_packets - self._lost_packets_before
        )
        return GapCause.PACKET_LOSS if lost > 0 else GapCause.NO_PACKETS

    def end_session(self) -> None:
        """Close the file because the connection ended; recorded data is kept."""
        self._place_held_run()
        segment = self.segment
        station = self._discipline.station
        if segment is not None and station is not None:  # a sparse stream's last picture lasts until now at most
            now = us_to_media(station.read())
            segment.end = max(segment.newest + 1, min(segment.end, now))
        self._close(slew=False)
        self._take_step()

    def _close(self, *, slew: bool) -> int:
        """Close the file. Return by how much (90 kHz) the following pictures are placed later than before."""
        segment, self.segment = self.segment, None
        if segment is None:
            return 0
        self._rotations += 1
        by = self._discipline.slew() if slew else 0
        end = max(self.clock.wall(segment.end + by), segment.start_us)
        if segment.fragments and segment.file.error is None:
            self.timeline.cover_until(end)
            index = gop_index.box(segment.gops)
            segment.disk.writer.append(segment.file, index, size=len(index))
        lost = self._counters.lost_packets - segment.lost_before
        clock = self.clock.offset_us
        segment.disk.writer.close(segment.file, lambda: self._in_loop(lambda: self._closed(segment, end, lost, clock)))
        return by

    def _closed(self, segment: OpenSegmentFile, end_us: int, lost: int, clock_offset_us: int | None) -> None:
        fact = segment.closed(self.stream, end_us, lost, clock_offset_us)
        error = segment.file.error
        # The file was closed before the disk refused its end.
        if error is not None and not segment.failed and end_us - fact.end_us > JITTER_US:
            self._archive.add_gap(self.stream, fact.end_us, _disk_cause(error), error.strerror or "", end_us)
        self._archive.segment_closed(fact)

    def _failed(self, file: SegmentFile, disk: Disk, error: OSError) -> None:
        opening = not file.created
        self._volumes.report_error(disk, error, opening=self.stream if opening else "")
        if opening:
            log.error("%s cannot be created: %s", file.path, error.strerror or error, extra={"stream": self.stream})
        segment = self.segment
        if segment is not None and segment.file is file:
            covered = segment.start_us + durable_media_us(segment)
            segment.failed = True
            if len(self._volumes.disks) == 1 or (opening and not self._volumes.has_disk_for(self.stream)):
                self._blocked_until_us = self._arrival_us + DISK_RETRY_US
            self._end_file_with_gap(_disk_cause(error), error.strerror or "", covered)

    def _disk_behind(self, segment: OpenSegmentFile) -> None:
        self._end_file_with_gap(GapCause.DISK_ERROR, "the disk is too slow", self.clock.wall(segment.end))

    def _end_file_with_gap(self, cause: GapCause, detail: str, covered_until: int) -> None:
        """Close a file that cannot continue and start a gap; the file is good up to `covered_until`."""
        self._close(slew=False)
        self.timeline.cover_until(covered_until)
        self.timeline.start_gap(cause, detail, covered_until)


def _newest(run: FragmentSamples) -> int:
    """Return the media time of a run's last picture."""
    return run.time + sum(run.durations) - run.durations[-1]


def _disk_cause(error: OSError) -> GapCause:
    return GapCause.DISK_FULL if error.errno in DISK_FULL_ERRNOS else GapCause.DISK_ERROR
