"""Writes fragments to segment files and reports them to the archive log: the only place that writes recordings to disk.

A SegmentSink belongs to one stream. The engine that reads the camera hands it `FragmentSamples` runs of pictures. The
sink converts their media time to wall time (nvr.clock.wall_clock), cuts them into files of about `segment_seconds` at
keyframes, records gaps (nvr.archive.timeline), and offers every fragment to live viewers. Facts go to an ArchiveLog.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable

from core.units import media_to_us, us_to_media, us_to_media_up
from nvr.archive import segment_index
from nvr.archive.audio_placement import SoundPlacement
from nvr.archive.filed_names import FiledNames
from nvr.archive.open_segment import Writing, written_us
from nvr.archive.segment_index import Segment
from nvr.archive.timeline import GAP_MIN_US, JITTER_US, ArchiveLog, Cadence, ClockStep, Timeline
from nvr.clock.station_clock import StationClock
from nvr.clock.wall_clock import PPM, WallClock
from nvr.media import audio, fmp4, gop_index, iovec
from nvr.media.fmp4 import TIMESCALE
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.sdp import AudioTrack
from nvr.storage.disk_writer import FULL, SegmentFile
from nvr.storage.volumes import Disk, VolumeSet

log = logging.getLogger(__name__)

GAP_MIN = us_to_media(GAP_MIN_US)
PAUSE_US = 700_000  # after this long without pictures, the next run may be late
DISK_PAUSE_US = 10_000_000
ODD_RATE = 50_000  # ppm; a larger error of a camera's clock is logged
SLEW_US = 50_000  # largest correction by the station's clock between two files

LiveTap = Callable[[FragmentSamples, Writing, bytes], None]


class SegmentSink:
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
        self._seconds = segment_seconds
        self._first_seconds = segment_seconds * (0.5 + zlib.crc32(stream.encode()) % 1000 / 2000)
        self._in_loop = in_loop
        self._rotations = 0
        self.segment: Writing | None = None
        self.live: LiveTap | None = None
        self.timeline = Timeline(stream, archive)
        self.clock = clock or WallClock()
        self._station: StationClock | None = None
        self._step_us = 0  # pending change of the station's clock; the next file begins with it
        self._stepped: Callable[[ClockStep], None] | None = None
        self._filed = FiledNames()
        self._cadence = Cadence()
        self._origin: int | None = None
        self._told_rate = False
        self._held: tuple[FragmentSamples, int] | None = None  # a run whose time only the next run determines
        self._arrival_us = 0
        self._lost_until = 0  # lost packets, up to the newest run
        self._last_start = 0  # µs UTC, of the newest file
        self._blocked_until_us = 0  # after a disk error, nothing is written before this time
        self._disk: Disk | None = None
        self._sound = SoundPlacement(self.clock)
        self.segments_made = 0
        self.recorded = 0  # 90 kHz; duration of the pictures handed to a file

    @property
    def covered_until(self) -> int | None:
        """Wall time until which the stream is covered, µs UTC."""
        return self.timeline.covered_until

    @property
    def in_gap(self) -> bool:
        return self.timeline.in_gap

    def follow(self, station: StationClock, stepped: Callable[[ClockStep], None]) -> None:
        """Follow the station's clock; `stepped` is called when the stream has adopted a change of it."""
        self._station, self._stepped = station, stepped
        self._filed.since_us = station.read() + station.correction_us
        self.clock.correction_us = station.correction_us

    def take_over(self, old: SegmentSink) -> None:
        """Continue where another sink of the stream ended.

        This sink corrects the files that a wrong clock named there.
        """
        old.end_session()
        self.timeline.resume(old.covered_until, old.in_gap, old.timeline.last_cause)
        self._filed, self._last_start = old._filed, old._last_start

    def rest(self) -> None:
        """Stop for a while in which the stream is not recorded."""
        self.end_session()
        self.live = None

    def wall_us(self, steady_us: int) -> int:
        """Return the wall time of an instant of the station's steady time."""
        return steady_us + self.clock.correction_us

    def start_gap(self, cause: str, detail: str, now_us: int) -> None:
        """Start a gap because recording stopped; it runs from the last covered instant.

        The next run begins a new file.
        """
        self._release()
        self._close(slew=False)
        self.timeline.start_gap(cause, detail, now_us)

    def begin_session(self, sound: AudioTrack | None = None) -> None:
        """Start a new connection: media times start over, and a new file begins."""
        self.end_session()
        if self._station is not None:  # it may have slewed since the last file
            self.clock.correction_us = self._station.correction_us
        self.clock.restart()
        self._cadence = Cadence()
        self._sound.begin_session(sound)

    def sender_report(self, camera_us: int, stream_time: int, arrival_us: int) -> None:
        """Take a sender report: the camera's clock read `camera_us` at `stream_time` (90 kHz)."""
        self.clock.report(camera_us, stream_time)

    def audio_report(self, camera_us: int, sound_time: int | None) -> None:
        """Take a sender report of the audio; `sound_time` is in units of its sampling rate."""
        self._sound.report(camera_us, sound_time)

    def clock_stepped(self, by_us: int) -> None:
        """Register a change of the station's clock: the next file begins by the new time."""
        self._step_us += by_us
        if self.segment is None:
            self._take_step()

    def _take_step(self) -> None:
        by, self._step_us = self._step_us, 0
        if by == 0:
            return
        step = self._filed.step(self.stream, by, self.covered_until)
        self.clock.correction_us += by
        self.timeline.shift(by)
        self._last_start = 0
        if step is not None and self._stepped is not None:
            self._stepped(step)

    def fragment(self, run: FragmentSamples, arrival_us: int) -> None:
        """Take a run of pictures that had all arrived by `arrival_us` (µs of the station's steady time)."""
        paused, self._arrival_us = arrival_us - self._arrival_us > PAUSE_US, arrival_us
        if self._held is not None:
            self._release((_newest(run), arrival_us))
        elif paused and self.clock.is_in_doubt(run.time, run.durations, arrival_us):
            run.parts = [iovec.joined(run.parts)]  # slices of the receive buffer do not live that long
            self._held = (run, arrival_us)
            return
        self._place(run, arrival_us)
        self._lost_until = self._counters.lost_packets

    def _release(self, following: tuple[int, int] | None = None) -> None:
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
            hole = self._join(segment, run)
            if run.starts_with_keyframe and (hole >= GAP_MIN or self._step_us or self._must_rotate(segment, run)):
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

    def _join(self, segment: Writing, run: FragmentSamples) -> int:
        """Extend the last written picture to the start of the run, except over missing pictures.

        Return the duration of the pictures that are missing directly before the run, 90 kHz.
        """
        before = 0
        for i, missing in self._cadence.missing(run.time - segment.newest, run.durations):
            until = run.time + sum(run.durations[:i])
            if i == 0:
                before = missing
            if (
                i or missing < GAP_MIN or not run.starts_with_keyframe
            ):  # otherwise the next file reports the gap between two files
                start, end = self.clock.wall(until - missing), self.clock.wall(until)
                self.timeline.hole(start, end, self._cause_of_hole(run, i), fillable=False)
        segment.end = max(segment.newest + 1, run.time - before if before >= GAP_MIN else run.time)
        gop = segment.gops[-1]
        gop.duration_us = media_to_us(segment.end - segment.base) - gop.time_us
        return before

    def _write(self, segment: Writing, run: FragmentSamples) -> None:
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
        self._index(segment, run)
        if self.live is not None:
            self.live(run, segment, head)

    def _index(self, segment: Writing, run: FragmentSamples) -> None:
        self.recorded += sum(run.durations)
        segment.end = run.time + sum(run.durations)
        segment.newest = segment.end - run.durations[-1]
        if run.starts_with_keyframe or not segment.gops:
            begin = segment.gops[-1].offset + segment.gops[-1].size if segment.gops else segment.init_size
            segment.gops.append(gop_index.Gop(media_to_us(run.time - segment.base), 0, begin, 0))
        gop = segment.gops[-1]
        gop.duration_us = media_to_us(segment.end - segment.base) - gop.time_us
        gop.size = segment.file.size - gop.offset
        segment.fragments += 1
        segment.frames += len(run.sizes)
        self.timeline.cover(self.clock.wall(segment.end))

    def audio(self, run: audio.AudioRun, track: AudioTrack, arrival_us: int) -> None:
        """Take audio, which is placed by its arrival like pictures."""
        segment = self.segment
        time = self._sound.place(run, track, arrival_us, segment)
        if segment is None or time is None:
            return
        head = audio.moof(segment.fragments + 1, time, run)
        if segment.disk.writer.append(segment.file, head, bytes(run.data), size=len(head) + len(run.data)):
            segment.fragments += 1
            segment.sound_end = time + sum(run.durations)
            segment.gops[-1].size = segment.file.size - segment.gops[-1].offset

    def _must_rotate(self, segment: Writing, run: FragmentSamples) -> bool:
        limit = self._first_seconds if self._rotations == 0 else self._seconds
        long_enough = run.time - segment.base >= limit * TIMESCALE - TIMESCALE // 10
        return long_enough or run.video != segment.video or segment.file.error is not None or not segment.disk.usable

    def _open(self, run: FragmentSamples, arrival_us: int) -> Writing | None:
        disk = self._volumes.place(self.stream, self._disk)
        if disk is None:
            self._blocked_until_us = arrival_us + DISK_PAUSE_US // 10
            states = {d.state for d in self._volumes.disks}
            self.timeline.start_gap(
                "disk_full" if states == {"full"} else "disk_error", "no disk can be used", self.clock.wall(run.time)
            )
            return None
        # Two files need different names.
        start = self.timeline.begin(max(self.clock.wall(run.time), self._last_start + 1))
        by = us_to_media_up(start - self.clock.wall(run.time))
        if by:
            self.clock.move(by)
            run.time += by
        self._last_start = start
        self._filed.add(start)
        self._disk = disk
        fact = Segment(self.stream, disk.number, start, start, open=True)
        path = disk.path / self.stream / segment_index.name_of(start)
        file = SegmentFile(path, lambda e: self._in_loop(lambda: self._failed(file, disk, e)))
        init = fmp4.init_segment(run.video, self._sound.track)
        if not disk.writer.append(file, init, size=len(init)):
            self.timeline.cover(start)
            self.start_gap("disk_error", "the disk does not keep up", start)
            return None
        self._origin = run.time if self._origin is None else self._origin
        self.segment = Writing(
            file,
            disk,
            start,
            run.time,
            run.video,
            len(init),
            self._counters.lost_packets,
            self._origin,
            self._sound.track,
            end=run.time,
        )
        self.segments_made += 1
        self._archive.opened(fact)
        return self.segment

    def _cause_of_hole(self, run: FragmentSamples, before: int) -> str:
        """Return why pictures are missing before picture `before` of the run: whether packets were lost there.

        If the engine cannot tell the position, the losses since the previous run count.
        """
        lost = run.losses.get(before, 0) if run.losses is not None else self._counters.lost_packets - self._lost_until
        return "packet_loss" if lost > 0 else "no_packets"

    def end_session(self) -> None:
        """Close the file because the connection ended; recorded data is kept."""
        self._release()
        segment = self.segment
        if segment is not None and self._station is not None:  # a sparse stream's last picture lasts until now at most
            now = us_to_media(self._station.read())
            segment.end = max(segment.newest + 1, min(segment.end, now))
        self._close(slew=False)
        self._take_step()

    def _close(self, *, slew: bool) -> int:
        """Close the file. Return by how much (90 kHz) the following pictures are placed later than before."""
        segment, self.segment = self.segment, None
        if segment is None:
            return 0
        self._rotations += 1
        by = self._slew() if slew else 0
        end = max(self.clock.wall(segment.end + by), segment.start_us)
        if segment.fragments and segment.file.error is None:
            self.timeline.cover(end)
            index = gop_index.box(segment.gops)
            segment.disk.writer.append(segment.file, index, size=len(index))
        lost = self._counters.lost_packets - segment.lost_before
        clock = self.clock.offset_us
        segment.disk.writer.close(segment.file, lambda: self._in_loop(lambda: self._closed(segment, end, lost, clock)))
        return by

    def _slew(self) -> int:
        """Correct small errors between two files: of the camera's clock, and of the wall clock against steady time."""
        if abs(self.clock.ppm - PPM) > ODD_RATE and not self._told_rate:
            self._told_rate = True
            percent = (PPM / self.clock.ppm - 1) * 100
            log.warning("%s: the camera's clock runs at %+.0f %%", self.stream, percent, extra={"stream": self.stream})
        if self._station is not None and not self._step_us:
            self.clock.correction_us += max(
                -SLEW_US, min(SLEW_US, self._station.correction_us - self.clock.correction_us)
            )
        return self.clock.slew()

    def _closed(self, segment: Writing, end_us: int, lost: int, clock_offset_us: int | None) -> None:
        file = segment.file
        media = media_to_us(segment.end - segment.base)
        frames = segment.frames
        flags = segment_index.AUDIO if segment.sound is not None else 0
        if file.error is not None:  # truncated: only what was written counts
            media = written_us(segment)
            told, end_us = end_us, segment.start_us + media
            if not segment.failed and told - end_us > JITTER_US:  # the file was closed before the disk refused its end
                self._archive.gap(self.stream, end_us, _disk_cause(file.error), file.error.strerror or "", told)
            frames = frames if media else 0
            flags |= segment_index.RECOVERED
        digest = file.sha256
        self._archive.closed(
            Segment(
                self.stream,
                segment.disk.number,
                segment.start_us,
                end_us,
                media,
                file.written if file.made else -1,
                frames,
                lost,
                clock_offset_us,
                flags if digest else flags | segment_index.UNHASHED,
                digest or segment_index.NO_HASH,
            )
        )

    def _failed(self, file: SegmentFile, disk: Disk, error: OSError) -> None:
        opening = not file.made
        self._volumes.report(disk, error, opening=self.stream if opening else "")
        if opening:
            log.error("%s cannot be made: %s", file.path, error.strerror or error, extra={"stream": self.stream})
        segment = self.segment
        if segment is not None and segment.file is file:
            covered = segment.start_us + written_us(segment)
            segment.failed = True
            if len(self._volumes.disks) == 1 or (opening and not self._volumes.has_place(self.stream)):
                self._blocked_until_us = self._arrival_us + DISK_PAUSE_US
            self._stop(_disk_cause(error), error.strerror or "", covered)

    def _disk_behind(self, segment: Writing) -> None:
        self._stop("disk_error", "the disk does not keep up", self.clock.wall(segment.end))

    def _stop(self, cause: str, detail: str, covered_until: int) -> None:
        """Close a file that cannot continue and start a gap; the file is good up to `covered_until`."""
        self._close(slew=False)
        self.timeline.cover(covered_until)
        self.timeline.start_gap(cause, detail, covered_until)


def _newest(run: FragmentSamples) -> int:
    """Return the media time of a run's last picture."""
    return run.time + sum(run.durations) - run.durations[-1]


def _disk_cause(error: OSError) -> str:
    return "disk_full" if error.errno in FULL else "disk_error"
