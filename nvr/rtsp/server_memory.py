"""What this process remembers about cameras' RTSP servers, by host and port of their streams' addresses.

That a camera offered Digest is also stored in the database (nvr.recorder.reconcile, health.patrol.probes), because it
must survive a restart. That a camera does not accept OPTIONS is learned again.
"""

from __future__ import annotations

MAX_REMEMBERED = 4096

_without_options: set[str] = set()
_with_digest: set[str] = set()  # these servers never get a password in clear


def needs_no_options(url: str) -> bool:
    """Return whether the camera played its stream only for a client that did not send OPTIONS."""
    return _authority(url) in _without_options


def remember_without_options(url: str) -> None:
    _remember(_without_options, url)


def offered_digest(url: str) -> bool:
    """Return whether the camera offered Digest, to this process or, via `remember_digest`, to an earlier one."""
    return _authority(url) in _with_digest


def remember_digest(url: str) -> None:
    _remember(_with_digest, url)


def forget_digest(url: str) -> None:
    """Forget the server because a person stated that another device uses its address now."""
    _with_digest.discard(_authority(url))


def _authority(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _remember(known: set[str], url: str) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known.add(_authority(url))
