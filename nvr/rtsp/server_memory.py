"""What this process knows of cameras' RTSP servers, by host and port of their streams' addresses.

That a camera offered Digest is kept in its file as well (nvr.recorder.reconcile, health.patrol.probes), because a restart must not make it
forgotten; that one bears no OPTIONS is learned again.
"""

from __future__ import annotations

MAX_REMEMBERED = 4096

_without_options: set[str] = set()
_with_digest: set[str] = set()  # nobody there is told the password any more


def is_asked_without_options(url: str) -> bool:
    """The camera gave its stream only to who did not ask OPTIONS."""
    return _authority(url) in _without_options


def remember_without_options(url: str) -> None:
    _remember(_without_options, url)


def offered_digest(url: str) -> bool:
    """The camera at the address offered Digest, to this process or, where `remember_digest` was told so, to one before."""
    return _authority(url) in _with_digest


def remember_digest(url: str) -> None:
    _remember(_with_digest, url)


def forget_digest(url: str) -> None:
    """A person says that another device hangs there now."""
    _with_digest.discard(_authority(url))


def _authority(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _remember(known: set[str], url: str) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known.add(_authority(url))
