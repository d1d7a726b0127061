"""Map media time to wall time: when was a picture, or a run of audio, captured?

Media time follows the camera's clock, which may run slow or fast, jump, stop or have a wrong nominal rate. The only
certainty is that nothing arrives before it was captured. Media time is therefore placed on the station's time of
arrival: the least delayed of the recent pictures is placed at its arrival, the others keep their distance from it.

- A correct clock is followed tick by tick; small errors are corrected between two files (`slew`).
- The rate of a slow or fast clock is measured (`_Rate`), and durations are stretched or shortened.
- A forward step is removed before the picture at which it appears: otherwise the stream would run ahead of its arrival.
- A stream falls behind its arrival either because it was delayed, and then it catches up faster than real time; or
  because the camera's clock stopped, and then it is placed at its arrival and a gap remains.

Placed times are in units of 1/90,000 s of the station's steady time (nvr.clock.station_clock) and never decrease. The
camera's sender reports (RFC 3550 6.4.1) may correct a correct clock by at most `MAX_DELAY`, because they are often
wrong.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from core.units import MEDIA_CLOCK, media_to_us, us_to_media

# Times below are in 90 kHz units. The lag of a picture is its arrival minus its placed time.
MAX_SLEW = MEDIA_CLOCK // 20  # correction between two files
MAX_LEAD = 35 * MEDIA_CLOCK // 100  # a placed time further before the arrival is impossible
MAX_LAG = 75 * MEDIA_CLOCK // 100  # a larger lag exceeds the usual delay of the network
MAX_LAG_GROWTH = 3 * MEDIA_CLOCK // 10  # usual limit for the growth of the lag from one run to the next
STOPPED_STEP = MEDIA_CLOCK // 1000  # pictures closer than this have a stopped clock
TOLERANCE = MEDIA_CLOCK // 4  # accepted error of the least delayed picture of a window
SETTLED = MEDIA_CLOCK // 20  # … while a correction is in progress
PAUSE_INTERVAL = 7 * MEDIA_CLOCK // 10  # after a pause this long, the next data may be late
SPARSE_INTERVAL = (
    PAUSE_INTERVAL  # between two arrivals; from here on each picture's own arrival is more exact than a statistic
)
SPARSE_MAX_LEAD, SPARSE_MAX_LAG = MEDIA_CLOCK // 2, 6 * MEDIA_CLOCK // 10
BACKLOG = 6 * MEDIA_CLOCK // 10  # media that arrives at once and proves a delay
CATCHING_UP = 10 * MEDIA_CLOCK  # longest time to catch up after a delay
MAX_DELAY = 3 * MEDIA_CLOCK // 10  # largest delay of the network that sender reports may state
REPORTS_AGREE_US = 50_000
GOOD_RATE = 3_000  # ppm; a clock with a smaller rate error counts as correct
WINDOW = MEDIA_CLOCK
WINDOWS = 8
PPM = 1_000_000


class _Rate:
    """Measures how fast media time runs: the lower envelope of arrival over media time, with one point per window."""

    __slots__ = ("_best", "_until", "points")

    def __init__(self) -> None:
        self.points: list[tuple[int, int]] = []  # (media time, arrival) of the least delayed picture of each window
        self.restart()

    def restart(self) -> None:
        """Discard the measurements, because they belong to another time line."""
        self.points.clear()
        self._until: int | None = None
        self._best: tuple[int, int] | None = None

    def observe(self, media: int, arrival: int) -> bool:
        """Record a picture; return True where a window ends with it and `points` has a new point."""
        if self._until is None:
            self._until = arrival + WINDOW
        if self._best is None or arrival - media <= self._best[1] - self._best[0]:
            self._best = (media, arrival)
        if arrival < self._until:
            return False
        self.points = [*self.points[1 - WINDOWS :], self._best]
        self._until, self._best = arrival + WINDOW, None
        return True

    @property
    def ppm(self) -> int | None:
        """Station time per media time in ppm; None before it is known."""
        if len(self.points) < 3:
            return None
        (media, arrival), (last_media, last_arrival) = self.points[0], self.points[-1]
        if last_media <= media or last_arrival <= arrival:
            return None
        return max(PPM // 20, min(20 * PPM, (last_arrival - arrival) * PPM // (last_media - media)))


class WallClock:
    """Wall clock of one track of one session. Times are in 1/90,000 s unless the name says µs."""

    __slots__ = (
        "_arrival",
        "_best",
        "_catch_up_until",
        "_compressed",
        "_distances",
        "_lag",
        "_media",
        "_pace",
        "_placed",
        "_ppm",
        "_rate",
        "_reports",
        "_usual_wait",
        "correction_us",
        "jumps",
        "offset_us",
        "shift",
    )

    def __init__(self) -> None:
        self.offset_us: int | None = None  # the camera's clock minus ours
        self.correction_us = 0  # wall time minus steady time
        self.jumps = 0  # how often the time line was broken
        self._rate = _Rate()
        self.restart()

    def restart(self) -> None:
        """Start a new session, whose media times are unrelated to the previous ones."""
        self.shift: int | None = None  # placed minus media time of the newest picture
        self._ppm = PPM  # measured rate of the camera's clock; PPM where it is correct
        self._pace = PPM  # current factor of durations, ppm
        self._media = self._placed = self._arrival = self._lag = 0  # of the newest picture
        self._distances = (0, 0)  # between the newest pictures; 0: unknown
        self._usual_wait = 0  # between two arrivals
        self._catch_up_until = 0  # arrival until which the stream may catch up after a delay; 0: no delay
        self._compressed = False  # a run was fitted to its arrival since the last `_settle`
        self._best: int | None = None  # smallest lag since the last slew
        self._reports: list[int] = []
        self._rate.restart()

    # placing

    def place(self, time: int, durations: list[int], arrival_us: int) -> tuple[int, list[int]]:
        """Place a run of pictures on the station's time; return (place of the first, durations).

        `time` is the media time of the first one; the last of `durations` is a guess. All had arrived at `arrival_us`.
        """
        arrival = us_to_media(arrival_us)
        media = time + sum(durations) - durations[-1]
        if self.shift is None:
            placed = self._begin(durations, arrival)
        elif self._is_ordinary(arrival - media - self.shift):
            placed = time + self.shift, durations
        else:
            placed = self._place_unusual(time, durations, arrival)
        self._note(media, placed, arrival)
        return placed

    def _is_ordinary(self, lag: int) -> bool:
        return (
            self._pace == PPM
            and -MAX_LEAD <= lag <= MAX_LAG
            and not self._catch_up_until
            and lag - self._lag < MAX_LAG_GROWTH
        )

    def is_in_doubt(self, time: int, durations: list[int], arrival_us: int) -> bool:
        """Return whether the run came after a pause and lies behind its arrival.

        Only the next run (`resolve`) shows whether it was delayed or the camera's clock stopped during the pause.
        """
        arrival = us_to_media(arrival_us)
        media = time + sum(durations) - durations[-1]
        if self.shift is None or self._catch_up_until or self._is_ordinary(lag := arrival - media - self.shift):
            return False
        backlog = media - time
        sudden = lag > MAX_LAG and _count_stopped(durations[:-1]) < 3 and lag - self._lag > lag // 2
        return sudden and self._was_paused(arrival) and backlog < BACKLOG and self._usual_wait < SPARSE_INTERVAL

    def resolve(self, doubtful: tuple[int, int], following: tuple[int, int]) -> None:
        """Decide about a run in doubt.

        Arguments: (media time of the newest picture, arrival in µs) of the run in doubt and of the next one.
        """
        (media, arrival), (next_media, next_arrival) = doubtful, following
        waited = us_to_media(next_arrival - arrival)
        if self._paced(next_media - media) >= waited + waited // 8:
            self._catch_up_until = us_to_media(arrival) + CATCHING_UP

    def _begin(self, durations: list[int], arrival: int) -> tuple[int, list[int]]:
        """Place the first run: its newest picture lies at its arrival. A step of the clock inside it is removed."""
        if len(durations) > 1 and max(durations[:-1]) > MEDIA_CLOCK:
            usual = sorted(durations)[len(durations) // 2] if len(durations) > 3 else MEDIA_CLOCK // 8
            durations = [d if d < max(MEDIA_CLOCK, 8 * usual) else min(usual, MEDIA_CLOCK) for d in durations]
        start = arrival - sum(durations) + durations[-1]
        self._placed, self._arrival = start - 1, arrival
        return start, durations

    def _note(self, media: int, placed: tuple[int, list[int]], arrival: int) -> None:
        """Store the newest picture, and check the clock's rate once per window."""
        start, durations = placed
        newest = start + sum(durations) - durations[-1]
        wait = arrival - self._arrival
        if wait > 0:
            usual = self._usual_wait
            self._usual_wait += (min(wait, 3 * usual) - usual) // 8 if usual else wait
        self._distances = (
            self._distances[1],
            durations[len(durations) // 2] if len(durations) > 2 else newest - self._placed,
        )
        self._media, self._placed, self._arrival = media, newest, arrival
        self._lag, self.shift = arrival - newest, newest - media
        self._best = self._lag if self._best is None else min(self._best, self._lag)
        if self._rate.observe(media, arrival):
            self._settle()

    def _place_unusual(self, time: int, durations: list[int], arrival: int) -> tuple[int, list[int]]:
        """Place a run that is out of the ordinary.

        `steps` are the distances from the newest picture placed before to the run's first, then from picture to
        picture.
        """
        steps = [self._paced(step) for step in (time - self._media, *durations[:-1])]
        lag = arrival - self._placed - sum(steps)
        if (self._usual_wait or arrival - self._arrival) >= SPARSE_INTERVAL:
            steps = self._sparse(steps, lag, arrival)
        elif lag < -MAX_LEAD:
            steps = self._without_steps(steps, lag, arrival)
        elif lag > MAX_LAG_GROWTH and _count_stopped(steps) > 2:
            steps = self._spread(steps, lag)
        elif lag > MAX_LAG or self._catch_up_until:
            steps = self._behind(steps, lag, arrival)
        places = list(accumulate(steps, initial=self._placed))[1:]
        for i, place in enumerate(places):  # placed times must increase
            places[i] = max(place, (places[i - 1] if i else self._placed) + 1)
        last = max(1, self._paced(durations[-1]))
        return places[0], [*(b - a for a, b in pairwise(places)), last]

    def _sparse(self, steps: list[int], lag: int, arrival: int) -> list[int]:
        """Place pictures that are about a second or more apart: keep their distance, or place them at their arrival.

        Many pictures that arrive at once were collected since the previous ones: the first may be as old as the pause.
        """
        self._catch_up_until, self._pace = 0, PPM
        collected = min(self._usual_wait or arrival - self._arrival, CATCHING_UP) if sum(steps[1:]) >= BACKLOG else 0
        if -SPARSE_MAX_LEAD <= lag <= max(SPARSE_MAX_LAG, collected):
            return steps
        self.jumps += 1
        if steps[0] + lag > 0:
            return [steps[0] + lag, *steps[1:]]
        return _scaled(steps, arrival - self._placed)

    def _paced(self, ticks: int) -> int:
        return ticks if self._pace == PPM else ticks * self._pace // PPM

    def _without_steps(self, steps: list[int], lag: int, arrival: int) -> list[int]:
        """Correct a run that would end after it arrived: remove steps of the clock from it, otherwise compress it."""
        usual = sorted(steps)[len(steps) // 2] if len(steps) > 2 else min(self._distances)
        paused = self._was_paused(arrival)
        while lag < -MAX_LEAD:
            largest = max(range(len(steps)), key=steps.__getitem__)
            excess = steps[largest] - usual
            if 10 * excess < 6 * -lag or not usual:
                self._compressed = True
                return _scaled(steps, arrival - self._placed)
            taken = min(excess, -lag) if paused else excess
            steps[largest] -= taken
            lag += taken
            self._new_line()
        return steps

    def _spread(self, steps: list[int], lag: int) -> list[int]:
        """Distribute the lag over pictures whose timestamps do not advance because the clock (or ffmpeg) stopped."""
        self._compressed, self._catch_up_until = True, 0
        share = lag // _count_stopped(steps)
        return [step + share if step < STOPPED_STEP else step for step in steps]

    def _was_paused(self, arrival: int) -> bool:
        """Return whether nothing arrived for longer than usual."""
        return arrival - self._arrival > max(PAUSE_INTERVAL, 5 * self._usual_wait // 2)

    def _behind(self, steps: list[int], lag: int, arrival: int) -> list[int]:
        """Correct a run that arrived late: it is delayed, or the camera's clock stopped, or it runs slow."""
        if lag <= MAX_LAG:
            self._catch_up_until = 0
            return steps
        if self._catch_up_until:
            waited = arrival - self._arrival
            if arrival < self._catch_up_until and (lag <= self._lag - waited // 8 or self._was_paused(arrival)):
                return steps
            return self._at_arrival(steps, lag)
        if self._was_paused(arrival) and lag - self._lag > lag // 2:
            if sum(steps[1:]) < BACKLOG:
                return self._at_arrival(steps, lag)
            self._catch_up_until = arrival + CATCHING_UP
            return steps
        self._compressed = True
        return _scaled(steps, arrival - self._placed)

    def _at_arrival(self, steps: list[int], lag: int) -> list[int]:
        """Leave a gap before the run: nothing was sent during that time."""
        self._new_line()
        return [steps[0] + lag, *steps[1:]]

    def _new_line(self) -> None:
        self.jumps += 1
        self._catch_up_until = 0
        self._rate.restart()

    def _settle(self) -> None:
        """Choose the pace of the next window: the clock's own rate, plus what removes the remaining error."""
        known = self._rate.ppm
        media, arrival = self._rate.points[-1]
        error = arrival - self._line(media)
        odd, self._compressed = self._pace != PPM or self._compressed, False
        if self._usual_wait >= SPARSE_INTERVAL:
            self._ppm = self._pace = PPM
            return
        if known is not None:
            self._ppm = known if abs(known - PPM) > GOOD_RATE else PPM
        if self._catch_up_until or (abs(error) <= (SETTLED if odd else TOLERANCE) and self._ppm == PPM):
            self._pace = PPM
        elif odd or abs(error) > TOLERANCE:
            most = self._ppm // 5
            self._pace = self._ppm + max(-most, min(most, self._ppm * error // (3 * WINDOW)))

    @property
    def ppm(self) -> int:
        """Length of a second of the camera's clock, µs."""
        return self._ppm

    def _line(self, media: int) -> int:
        """Return the placed time of a recent picture."""
        return self._placed - self._paced(self._media - media)

    def move(self, by: int) -> None:
        """Move everything from the newest run on `by` later."""
        assert self.shift is not None
        self.shift += by
        self._placed += by

    # wall time

    def wall(self, placed: int) -> int:
        """Convert a placed time to µs UTC."""
        return media_to_us(placed) + self.correction_us

    def slew(self) -> int:
        """Correct a correct clock towards arrival, or the camera's own time; return by how much.

        Called between two files.
        """
        if self.shift is None or self._best is None or self._pace != PPM or self._catch_up_until:
            return 0
        wanted = self._best
        if self._trusted is not None:
            wanted = self._trusted
        self._best = None
        by = max(-MAX_SLEW, min(MAX_SLEW, wanted))
        self.move(by)
        self._reports = [r - media_to_us(by) for r in self._reports]
        return by

    # sender reports

    def report(self, camera_us: int, time: int) -> None:
        """Process a sender report: the camera's clock read `camera_us` at media time `time`."""
        if self.shift is None:
            return
        self.offset_us = camera_us - self.wall(self._placed + self._paced(time - self._media))
        self._reports = [*self._reports[-2:], self.offset_us]

    @property
    def _trusted(self) -> int | None:
        """How much later (90 kHz) the camera's clock says its pictures were captured; None where it is not trusted."""
        if len(self._reports) < 3 or max(self._reports) - min(self._reports) > REPORTS_AGREE_US:
            return None
        by = us_to_media(self._reports[-1])
        return by if -MAX_DELAY <= by <= SETTLED else None


class KnownTimes(WallClock):
    """Wall clock for media time that is already the station's: pictures fetched from a camera's SD card."""

    def place(self, time: int, durations: list[int], arrival_us: int) -> tuple[int, list[int]]:
        self.shift = self.shift or 0
        return time + self.shift, durations

    def is_in_doubt(self, time: int, durations: list[int], arrival_us: int) -> bool:
        return False

    def slew(self) -> int:
        return 0


def _count_stopped(steps: list[int]) -> int:
    """Return how many pictures have hardly a later timestamp than the previous one."""
    return sum(step < STOPPED_STEP for step in steps)


def _scaled(steps: list[int], room: int) -> list[int]:
    """Scale the distances so that they add up to `room`."""
    total = sum(steps)
    if total <= 0:
        return [room // len(steps)] * len(steps)
    ends = [0, *(done * room // total for done in accumulate(steps))]
    return [b - a for a, b in pairwise(ends)]
