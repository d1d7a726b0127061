"""Routes for PTZ control of dome cameras."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cameras.ptz import PtzControl
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable
from web.policy import visible_camera

routes = RouteTable()


class PresetView(BaseModel):
    token: str
    name: str


class PtzView(BaseModel):
    holder: str | None
    seconds: float = Field(description="For how long its holder has it, unless renewed")
    presets: list[PresetView]


class PtzMoveBody(BaseModel):
    pan: float = Field(0.0, ge=-1, le=1)
    tilt: float = Field(0.0, ge=-1, le=1)
    zoom: float = Field(0.0, ge=-1, le=1)


class PresetBody(BaseModel):
    token: str = Field(min_length=1, max_length=64)


class KeepBody(BaseModel):
    name: str = Field(min_length=1, max_length=40)


@routes.add("GET", "/api/cameras/{camera}/ptz", Permission.PTZ_CONTROL, reply=PtzView)
async def ptz(c: Context) -> PtzView:
    """Who controls a camera's PTZ, and its presets."""
    camera, control = await _ptz_camera(c)
    presets = await control.presets(camera)
    holder = control.lease_holder(camera.id)
    return PtzView(
        holder=holder[0] if holder else None,
        seconds=round(holder[1], 1) if holder else 0.0,
        presets=[PresetView(token=p.token, name=p.name) for p in presets],
    )


@routes.add("POST", "/api/cameras/{camera}/ptz/move", Permission.PTZ_CONTROL, body=PtzMoveBody, reply=Done)
async def move_ptz(c: Context[None, PtzMoveBody]) -> None:
    """Move with a speed; repeat each second while the button is held."""
    camera, control = await _ptz_camera(c)
    await _take_control(c, camera, control)
    await control.move(camera, c.identity.name, c.body.pan, c.body.tilt, c.body.zoom)


@routes.add("POST", "/api/cameras/{camera}/ptz/stop", Permission.PTZ_CONTROL, reply=Done)
async def stop_ptz(c: Context) -> None:
    """Stop the movement."""
    camera, control = await _ptz_camera(c)
    await _take_control(c, camera, control)
    await control.stop(camera, c.identity.name)


@routes.add("POST", "/api/cameras/{camera}/ptz/preset", Permission.PTZ_CONTROL, body=PresetBody, reply=Done)
async def go_to_preset(c: Context[None, PresetBody]) -> None:
    """Move to a preset."""
    camera, control = await _ptz_camera(c)
    await _take_control(c, camera, control)
    await control.goto(camera, c.identity.name, c.body.token)


@routes.add("POST", "/api/cameras/{camera}/ptz/keep", Permission.PTZ_CONTROL, body=KeepBody, reply=PresetView)
async def keep_preset(c: Context[None, KeepBody]) -> PresetView:
    """Save the present position as a preset.

    The camera returns to a preset named 'guard' (守望) by itself.
    """
    camera, control = await _ptz_camera(c)
    await _take_control(c, camera, control)
    token = await control.save_preset(camera, c.identity.name, c.body.name)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.PTZ_PRESET, camera.id, preset=c.body.name
        )
    return PresetView(token=token, name=c.body.name)


@routes.add("POST", "/api/cameras/{camera}/ptz/home", Permission.PTZ_CONTROL, reply=Done)
async def go_to_guard_position(c: Context) -> None:
    """Move back to the guard position."""
    camera, control = await _ptz_camera(c)
    await _take_control(c, camera, control)
    await control.home(camera, c.identity.name)


async def _ptz_camera(c: AnyContext) -> tuple[Camera, PtzControl]:
    if c.services.ptz is None:
        raise ConflictError("the station is still starting; try again in a moment", ErrorCode.STATION_STARTING)
    camera = await visible_camera(c)
    if not (camera.device or {}).get("ptz"):
        raise NotFoundError("this camera has no PTZ", ErrorCode.NO_PTZ)
    return camera, c.services.ptz


async def _take_control(c: AnyContext, camera: Camera, control: PtzControl) -> None:
    """Take control of the camera. Raises PurposeRequired, ConflictError.

    Taking control leaves one audit row before the camera moves; single movements leave none.
    """
    who, purpose = c.identity, c.purpose
    if not control.acquire_lease(camera, who.name):
        async with c.services.database.session() as session:
            await audit_trail.record(
                session,
                c.services.clock.now(),
                who.name,
                AuditAction.PTZ_TAKE,
                camera.id,
                reason=purpose,
                village=camera.village,
                by_session=who.session,
            )
        control.mark_audited(camera.id, who.name)
