"""What a person can do about an error of a volume. In: an error, or a volume's stored state. Out: a remedy."""

from __future__ import annotations

import errno
import os
from enum import StrEnum

from nvr.tables import VolumeState


class DiskRemedy(StrEnum):
    """What to do about a volume, written as its code and its English sentence."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> DiskRemedy:
        member = str.__new__(cls, code)
        member._value_, member.sentence = code, sentence
        return member

    FREE_SPACE = (
        "free_space",
        "free space: delete files that do not belong to the station, lower retention.main_days, or add a volume",
    )
    SPREAD = "spread", "check its disk or file server (dmesg, mount), or spread the cameras over more disks"
    MOUNT = "mount", "mount its disk; its footage is kept in the index until it is back"
    READ_ONLY = (
        "read_only",
        "the kernel mounted it read-only, usually after an error: check dmesg and the file system (fsck), "
        "then remount it writable",
    )
    FAILING = "failing", "the disk is failing: check dmesg and smartctl, copy what is needed, replace it"
    QUOTA = "quota", "raise the quota of the station's user on it"
    PERMISSION = "permission", "give the station's user write permission there"
    STALE = "stale", "the file server no longer knows this mount: remount it"
    ABSENT = "absent", "mount its disk"
    CHECK = "check", "check the disk (dmesg, smartctl)"


def remedy(error: OSError) -> str:
    """Return what a person can do about an error of a volume."""
    if isinstance(error, TimeoutError):
        return "check its disk or file server (dmesg, mount)"
    found = _BY_ERROR.get(error.errno or 0)
    return found.sentence if found else "check the disk (dmesg, smartctl), the mount options and the permissions"


def remedy_of(state: VolumeState, detail: str) -> DiskRemedy:
    """As `remedy`, for a volume's stored state, whose detail contains the kernel's error text."""
    for number, found in _BY_ERROR.items():
        if os.strerror(number) in detail:
            return found
    return _BY_STATE.get(state, DiskRemedy.CHECK)


_BY_STATE = {
    VolumeState.FULL: DiskRemedy.FREE_SPACE,
    VolumeState.SLOW: DiskRemedy.SPREAD,
    VolumeState.MISSING: DiskRemedy.MOUNT,
}
_BY_ERROR = {
    errno.EROFS: DiskRemedy.READ_ONLY,
    errno.EIO: DiskRemedy.FAILING,
    errno.ENOSPC: DiskRemedy.FREE_SPACE,
    errno.EDQUOT: DiskRemedy.QUOTA,
    errno.EACCES: DiskRemedy.PERMISSION,
    errno.EPERM: DiskRemedy.PERMISSION,
    errno.ESTALE: DiskRemedy.STALE,
    errno.ENOENT: DiskRemedy.ABSENT,
}
