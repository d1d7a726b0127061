"""What this process remembers about cameras' RTSP servers, by host and port of their streams' addresses.

That a camera offered Digest is also stored in the database (nvr.recorder.reconcile, health.patrol.probes), because it
must survive a restart. That a camera does not accept OPTIONS is learned again.
"""

from __future__ import annotations

MAX_REMEMBERED = 16_384  # servers; a full memory forgets the one that was not used for longest


class _RecentServers:
    """A fact about each server, least recently used first."""

    def __init__(self) -> None:
        self._facts: dict[str, bool] = {}
        self.forgot_a_fact = False  # a server of which the fact was true has been forgotten

    def clear(self) -> None:
        self._facts.clear()
        self.forgot_a_fact = False

    def set(self, server: str, fact: bool) -> None:
        self._facts.pop(server, None)
        self._facts[server] = fact
        if len(self._facts) > MAX_REMEMBERED:
            self.forgot_a_fact |= self._facts.pop(next(iter(self._facts)))

    def get(self, server: str) -> bool | None:
        """Return the fact; None where the server is unknown."""
        fact = self._facts.pop(server, None)
        if fact is not None:
            self._facts[server] = fact
        return fact


_without_options = _RecentServers()
_digest = _RecentServers()  # False: a person stated that another device uses the address now


def needs_no_options(url: str) -> bool:
    """Return whether the camera played its stream only for a client that did not send OPTIONS."""
    return bool(_without_options.get(_authority(url)))


def remember_without_options(url: str) -> None:
    _without_options.set(_authority(url), True)


def offered_digest(url: str) -> bool:
    """Return whether the camera offered Digest, to this process or, via `remember_digest`, to an earlier one."""
    return bool(_digest.get(_authority(url)))


def may_use_basic(url: str) -> bool:
    """Return whether the camera may get a password in clear if its entry allows that: it never offered Digest.

    Once a server that offered Digest had to be forgotten, an unknown server may be that one, and gets none either.
    """
    offered = _digest.get(_authority(url))
    return not (_digest.forgot_a_fact if offered is None else offered)


def remember_digest(url: str) -> None:
    _digest.set(_authority(url), True)


def forget_digest(url: str) -> None:
    """Forget the server because a person stated that another device uses its address now."""
    _digest.set(_authority(url), False)


def clear() -> None:
    """Forget everything, as a new process does."""
    _without_options.clear()
    _digest.clear()


def _authority(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]
