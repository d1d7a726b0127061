"""What a person can do about an error of a volume. In: an error, or a volume's stored state. Out: a sentence."""

from __future__ import annotations

import errno
import os

from nvr.tables import VolumeState


def remedy(error: OSError) -> str:
    """Return what a person can do about an error of a volume."""
    if isinstance(error, TimeoutError):
        return "check its disk or file server (dmesg, mount)"
    return _REMEDIES.get(error.errno or 0, "check the disk (dmesg, smartctl), the mount options and the permissions")


def remedy_of(state: VolumeState, detail: str) -> str:
    """As `remedy`, for a volume's stored state, whose detail contains the kernel's error text."""
    for number, text in _REMEDIES.items():
        if os.strerror(number) in detail:
            return text
    return _STATES.get(state, "check the disk (dmesg, smartctl)")


_FREE_SPACE = "free space: delete files that do not belong to the station, lower retention.main_days, or add a volume"
_STATES: dict[VolumeState, str] = {
    VolumeState.FULL: _FREE_SPACE,
    VolumeState.SLOW: "check its disk or file server (dmesg, mount), or spread the cameras over more disks",
    VolumeState.MISSING: "mount its disk; its footage is kept in the index until it is back",
}
_REMEDIES = {
    errno.EROFS: "the kernel mounted it read-only, usually after an error: check dmesg and the file system (fsck), "
    "then remount it writable",
    errno.EIO: "the disk is failing: check dmesg and smartctl, copy what is needed, replace it",
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: "raise the quota of the station's user on it",
    errno.EACCES: "give the station's user write permission there",
    errno.EPERM: "give the station's user write permission there",
    errno.ESTALE: "the file server no longer knows this mount: remount it",
    errno.ENOENT: "mount its disk",
}
