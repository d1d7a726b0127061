"""Settings that a model with a firmware does not accept, stored so that they are not tried on each of its cameras.

A new firmware counts as a new model and is tried again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import DeviceRecord
from cameras.states import QuirkOutcome
from cameras.tables import Camera, ModelQuirk

ModelKey = tuple[str, str, str]
MAX_KEY_CHARS = 60  # characters; the size of the columns of ModelQuirk


def model_key(camera: Camera) -> ModelKey:
    """Return manufacturer, model and firmware; empty strings if the camera was never identified."""
    device: DeviceRecord = camera.device or {}
    return _key_part(device.get("manufacturer")), _key_part(device.get("model")), _key_part(device.get("firmware"))


def _key_part(reported: str | None) -> str:
    return str(reported or "")[:MAX_KEY_CHARS]


async def record_quirk(
    session: AsyncSession, camera: Camera, setting: str, outcome: QuirkOutcome, at: datetime, detail: str = ""
) -> None:
    """Store that a model refused, ignored or rounded a setting; nothing is stored if the model is unknown."""
    manufacturer, model, firmware = model_key(camera)
    if not model:
        return
    await session.merge(
        ModelQuirk(
            manufacturer=manufacturer,
            model=model,
            firmware=firmware,
            setting=setting,
            outcome=outcome,
            detail=detail[:200],
            at=at,
        )
    )


async def models_rejecting(session: AsyncSession, setting: str) -> set[ModelKey]:
    """Return the models that refused or ignored a setting."""
    rows = await session.execute(
        select(ModelQuirk.manufacturer, ModelQuirk.model, ModelQuirk.firmware).where(
            ModelQuirk.setting == setting, ModelQuirk.outcome.in_((QuirkOutcome.REFUSED, QuirkOutcome.IGNORED))
        )
    )
    return {(r.manufacturer, r.model, r.firmware) for r in rows}
