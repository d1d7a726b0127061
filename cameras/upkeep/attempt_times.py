"""When recurring work last tried each camera, so that cameras which fail do not occupy the limit of every run.

Work with a limit per run takes the cameras whose last success or attempt is the longest ago. Attempts are kept in
memory: after a restart all failing cameras are tried once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

_NEVER = datetime.min.replace(tzinfo=timezone.utc)


class AttemptTimes:
    """Times of the last attempts, by camera id."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def record(self, camera: str, at: datetime) -> None:
        self._last[camera] = at

    def longest_ago(self, due: Mapping[str, datetime | None]) -> list[str]:
        """Return the due cameras, the one with the longest wait first, and drop the attempts of all other cameras.

        `due`: time of the last success by camera id; None: never.
        """
        self._last = {camera: at for camera, at in self._last.items() if camera in due}
        waits = {camera: max(done or _NEVER, self._last.get(camera, _NEVER)) for camera, done in due.items()}
        return sorted(waits, key=lambda camera: (waits[camera], camera))
