"""Which cameras get an account of the station's own before their first use, and which still wait for it.

Whoever delivered a camera knows the account that came with it, and that account often opens every camera of a village.
Where the inventory sets `own_account` (for a village or a camera), the delivered account is used only to identify the
camera and to create another account.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village


async def villages_requiring(session: AsyncSession) -> frozenset[str]:
    """Return the villages whose cameras get an own account unless the camera's record says otherwise."""
    return frozenset(await session.scalars(select(Village.code).where(Village.own_account)))


def is_required(camera: Camera, villages: frozenset[str]) -> bool:
    """Return whether a camera gets an own account. `villages`: the result of `wanting`."""
    said = camera.profile.get("own_account") if isinstance(camera.profile, dict) else None
    return camera.village in villages if said is None else said is True


def must_wait(camera: Camera, villages: frozenset[str]) -> bool:
    """Return whether the camera's streams must wait until an own account was tried.

    A camera that does not answer over ONVIF cannot get one, so it does not wait.
    """
    if not is_required(camera, villages) or camera.account_state is not None or camera.credential is None:
        return False
    return camera.address is not None and (camera.device is not None or camera.problem is None)
