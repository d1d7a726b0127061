"""Compute the media times of pictures from RTP timestamps: 90 kHz, unwrapped.

A timestamp may advance, go back because the camera sends B-frames, or jump because the camera's clock was set,
restarted or misread once. B-frames are recognised by their pattern: a B-frame falls into a gap that earlier pictures
left open. Any other step back, and any step of more than `MAX_JUMP`, is a jump: the picture follows the previous one at
the usual distance, and the arrival time shows how much time really passed (nvr.clock.wall_clock).
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from core.units import MEDIA_CLOCK

MAX_JUMP = 10 * MEDIA_CLOCK  # a larger timestamp step says nothing about the elapsed time
MAX_REORDER = 16  # pictures, the reorder depth: the largest DPB of H.264 and H.265
MAX_REORDER_GAP = MEDIA_CLOCK  # largest gap that B-frames fill
MAX_FIRST_REORDER_GAP = MEDIA_CLOCK // 2  # the same while the usual distance of pictures is unknown
LEARNING_PICTURES = 64  # pictures after which a stream without B-frames is assumed to have none


class PictureTimes:
    """Media times of one stream's pictures.

    `shown` is the presentation time of the newest picture, `time` its decoding time.

    Both are equal until B-frames appear; then decoding times advance evenly, as far behind the newest presentation time
    as reordering requires. `rate` is the clock rate that the camera states for its timestamps.
    """

    __slots__ = (
        "_before",
        "_depth",
        "_last",
        "_last_shown",
        "_newest",
        "_picture_count",
        "_rate",
        "_recent",
        "_reordered_at",
        "_shift",
        "_usual",
        "reordered",
        "shown",
        "step",
        "time",
        "ts",
    )

    def __init__(self, rate: int = MEDIA_CLOCK) -> None:
        self._rate = rate
        self.ts = -1  # RTP timestamp of the newest picture
        self.time = 0
        self.shown = 0
        self.reordered = False  # the stream contains B-frames
        self.step = MEDIA_CLOCK // 25  # between the two newest pictures that were kept; at most a second
        # Distance of pictures: the smaller of the two newest distances, and the newest one.
        self._usual = self._before = MEDIA_CLOCK // 25
        self._last = 0  # `time` of the newest picture that was kept
        self._last_shown = -1  # `shown` of the newest picture that was kept
        self._newest = 0  # the latest `shown`
        self._depth = 0  # largest distance of a B-frame's `shown` to the latest one
        self._recent: list[int] = []  # `shown` of the newest pictures, in decoding order
        self._picture_count = 0  # pictures processed
        self._reordered_at = 0  # `_picture_count` at the newest B-frame
        self._shift = 0  # by which the newest picture was moved, if its timestamp jumped

    def advance(self, ts: int) -> bool:
        """Begin a picture with this RTP timestamp; return False where the timestamp jumped."""
        if self.ts < 0:
            self.ts = ts
            self._place(self.shown)
            return True
        wanted = self.shown + self._delta(ts)
        self.ts = ts
        wanted = self._without_stray_shift(wanted)
        if not self._is_plausible(wanted):
            target = max(self._newest, self.time) + (self._period() if self.reordered else self._usual)
            self._shift = target - wanted
            self._place(target)
            return False
        if wanted < self.shown:
            self.reordered, self._reordered_at = True, self._picture_count
            self._depth = max(self._depth, self._newest - wanted)
        elif wanted > self.shown:
            self._usual, self._before = min(self._before, wanted - self.shown), wanted - self.shown
        self._place(wanted)
        return True

    def _without_stray_shift(self, wanted: int) -> int:
        """Return `wanted` without the correction of the previous picture, if only that one had a stray timestamp."""
        shift, self._shift = self._shift, 0
        back = wanted - shift
        if shift and self._newest < back <= self._newest + 3 * self._usual:
            return back
        if shift and self.reordered and not self._is_plausible(wanted) and self._is_plausible(back):
            return back
        return wanted

    def _is_plausible(self, shown: int) -> bool:
        """Return whether a picture with this presentation time may follow the newest one."""
        if shown < self.shown:
            return self._is_reordered(shown)
        limit = MAX_JUMP
        if self.reordered:  # the next reference picture is a few pictures ahead; decoding times cannot follow farther
            limit = max(MEDIA_CLOCK // 3, 2 * (self._depth + 2 * self._period()))
        return shown <= max(self._newest, self.shown) + limit

    def _place(self, shown: int) -> None:
        self.shown = shown
        self._newest = max(self._newest, shown)
        self._recent = [*self._recent[-MAX_REORDER:], shown]
        self._picture_count += 1
        if self._picture_count == 1:
            self.time = shown
        elif self.reordered:
            self._place_reordered()
        else:
            self.time = max(self.time + 1, shown)

    def _place_reordered(self) -> None:
        """Advance the decoding time evenly, and keep it close to the presentation time."""
        period = self._period()
        self.time = max(self.time + 1, min(self.time + period, self._newest - self._depth))
        if abs(self.shown - self.time) > max(MEDIA_CLOCK // 3, 2 * self._depth + 4 * period):
            self.shown = self._newest = self.time
            self._recent = [self.shown]
        if (
            self._picture_count - self._reordered_at > LEARNING_PICTURES
        ):  # a past stray timestamp, or the encoder's setting changed
            self.reordered, self._depth = False, 0

    def _period(self) -> int:
        """Return the usual distance of pictures in presentation order: the median of recent ones."""
        shown = sorted(self._recent)
        steps = sorted(b - a for a, b in pairwise(shown))
        return max(1, steps[len(steps) // 2]) if steps else self._usual

    def _is_reordered(self, shown: int) -> bool:
        """Return whether the picture falls into a gap that earlier pictures left open, as B-frames do."""
        recent = self._recent
        lower = max((s for s in recent if s < shown), default=None)
        upper = min(s for s in recent if s >= shown)
        if lower is None:  # B-frames after the very first keyframe are presented before it
            return self._picture_count <= MAX_REORDER and self._newest - shown <= MAX_FIRST_REORDER_GAP
        if upper == shown:
            return False
        hole = upper - lower
        if hole > MAX_REORDER_GAP:
            return False
        if not self.reordered:
            if self._picture_count > LEARNING_PICTURES or upper != recent[-1] or lower != max(recent[:-1]):
                return False
            known = sorted(b - a for a, b in pairwise(sorted(recent[:-1])))
            usual = known[len(known) // 2] if known else 0
            return 3 * usual <= 2 * hole <= (MAX_REORDER * usual if known else 2 * MAX_FIRST_REORDER_GAP)
        period = self._period()
        if self._picture_count <= LEARNING_PICTURES:
            period = min(period, shown - lower, upper - shown)
        return 3 * period <= 2 * hole <= 2 * MAX_REORDER * period

    def _delta(self, ts: int) -> int:
        """Return the time since the newest picture in 90 kHz units."""
        return self._scaled(((ts - self.ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000)

    def _scaled(self, ticks: int) -> int:
        return ticks if self._rate == MEDIA_CLOCK else round(ticks * MEDIA_CLOCK / self._rate)

    def relearn(self) -> None:
        """Look for B-frames again because the camera's encoder was reconfigured."""
        self._picture_count, self._reordered_at = min(self._picture_count, MAX_REORDER + 1), 0

    def restart(self) -> None:
        """Start over: the next timestamp is unrelated to the previous ones; its picture follows the newest one."""
        self.shown = self._newest = max(self._newest, self.time) + self._usual
        self._recent, self._picture_count, self._reordered_at, self._shift, self.ts = [], 1, 0, 0, -1

    def commit(self) -> bool:
        """Make the newest picture a sample.

        Return True where it has the same presentation time as the previous sample, i.e. the camera's clock stands
        still.
        """
        stands, self._last_shown = self.shown == self._last_shown, self.shown
        if self.time > self._last:
            self.step = min(self.time - self._last, MEDIA_CLOCK)
        self._last = self.time
        return stands

    @property
    def interval(self) -> int:
        """Distance of the two newest pictures."""
        return self._before

    @property
    def end(self) -> int:
        """End of the newest sample, assuming that it lasts as long as the previous one."""
        return self._last + self.step

    def in_order(self, last_ts: int, steps: list[int]) -> list[int]:
        """Return the times of pictures that are all kept, each later than the previous one by steps[i] > 0."""
        if self._shift or self._rate != MEDIA_CLOCK:
            return self._in_order(last_ts, steps)
        placed = list(accumulate(steps, initial=max(self.shown, self.time)))
        shown, before = placed[-1], placed[-2] if len(steps) > 1 else self._last
        del placed[0]
        self.ts, self.shown = last_ts, shown
        self._usual, self._before = min(steps[-2:]), steps[-1]
        self._newest, self.time = max(self._newest, shown), shown
        self._recent = placed[-MAX_REORDER:]
        self._picture_count += len(steps)
        self.step = min(max(shown - before, 1), MEDIA_CLOCK)
        self._last = shown
        return placed

    def _in_order(self, last_ts: int, steps: list[int]) -> list[int]:
        """Do the same picture by picture."""
        stamps = list(accumulate(steps, initial=last_ts - sum(steps)))[1:]
        placed = []
        for ts in stamps:
            self.advance(ts & 0xFFFFFFFF)
            self.commit()
            placed.append(self.time)
        return placed

    def unwrapped(self, ts: int) -> int:
        """Return the time of an RTP timestamp near the current one, for sender reports."""
        return self.shown + self._delta(ts) if self.ts >= 0 else self.shown
