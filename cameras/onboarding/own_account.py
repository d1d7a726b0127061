"""Which cameras get an account of the station's own before their first use, and which still wait for it.

The account that came with a camera is known to whoever delivered it, and often opens every camera of a village. Where the
inventory says so (`own_account`, of a village or a camera), it serves only to ask the camera who it is and to make another.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village


class AccountState(StrEnum):
    """Of a camera; none: not tried yet."""

    OWN = "own"
    FAILED = "failed"


async def wanting(session: AsyncSession) -> frozenset[str]:
    """Villages whose cameras get one, where their own files say nothing else."""
    return frozenset(await session.scalars(select(Village.code).where(Village.own_account)))


def is_wanted(camera: Camera, villages: frozenset[str]) -> bool:
    """`villages`: those that are `wanting`."""
    said = camera.profile.get("own_account") if isinstance(camera.profile, dict) else None
    return camera.village in villages if said is None else said is True


def waits(camera: Camera, villages: frozenset[str]) -> bool:
    """Its streams are not used yet: first an account of ours is tried on it. One that cannot be asked over ONVIF has none to give."""
    if not is_wanted(camera, villages) or camera.account_state is not None or camera.credential is None:
        return False
    return camera.address is not None and (camera.device is not None or camera.problem is None)
