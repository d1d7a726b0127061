"""Routes for the cameras' credentials: names and user names are told, passwords never.

A password goes into the vault (cameras.vault) and leaves it only towards the cameras that use it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from cameras.onboarding import adoption
from cameras.registry import credentials, editing
from cameras.registry.inventory_entries import Identifier
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError
from core.secrets import Vault
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.policy import visible_camera

routes = RouteTable()

Secret = Annotated[SecretStr, Field(min_length=1, max_length=200)]
UserName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class CredentialView(BaseModel):
    name: str
    username: str
    password_set: bool
    cameras: int = Field(description="Cameras in use that use it, within the account's villages")
    refused: int = Field(description="Of these, those that refused it")


class CredentialBody(BaseModel):
    name: Identifier
    username: UserName
    password: Secret
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=400)]


class CameraCredentialBody(BaseModel):
    """Either the name of a credential that exists, or user name and password of this camera alone."""

    credential: Identifier | None = None
    username: UserName | None = None
    password: Secret | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=400)]


class CredentialReply(BaseModel):
    credential: str


@routes.add("GET", "/api/credentials", Permission.CAMERA_MANAGE, reply=list[CredentialView])
async def list_credentials(c: Context) -> list[CredentialView]:
    """The credentials by name; an account of some villages gets those that its cameras use."""
    async with c.services.database.reading() as session:
        found = await credentials.listed(session, c.identity.villages)
    return [
        CredentialView(
            name=f.name, username=f.username, password_set=f.password_set, cameras=f.cameras, refused=f.refused
        )
        for f in found
    ]


@routes.add("POST", "/api/credentials", Permission.CAMERA_MANAGE, body=CredentialBody, reply=CredentialReply)
async def set_credential(c: Context[None, CredentialBody]) -> CredentialReply:
    """Add a credential, or change its user name and password; cameras that refused it are tried again."""
    if c.identity.villages is not None:
        raise ForbiddenError(
            "a credential may be used in several villages; ask an administrator of the whole town",
            ErrorCode.TOWN_ACCOUNT_REQUIRED,
        )
    body, now = c.body, c.services.clock.now()
    async with c.services.database.session() as session:
        await credentials.save(
            session, _vault(c), body.name, body.username, body.password.get_secret_value(), now, c.identity.name,
            reason=body.reason,
        )  # fmt: skip
    return CredentialReply(credential=body.name)


@routes.add(
    "POST",
    "/api/cameras/{camera}/credential",
    Permission.CAMERA_MANAGE,
    body=CameraCredentialBody,
    reply=CredentialReply,
)
async def set_camera_credential(c: Context[None, CameraCredentialBody]) -> CredentialReply:
    """Give a camera its credential: one that exists, or a user name and password for it alone."""
    camera, body, now = await visible_camera(c), c.body, c.services.clock.now()
    if (body.credential is None) is (body.username is None or body.password is None):
        raise ConflictError(
            "give either a credential's name, or user name and password", ErrorCode.CREDENTIAL_AMBIGUOUS
        )
    async with c.services.database.session() as session:
        name = body.credential or credentials.own_name(camera.id)
        if body.credential is not None:
            await adoption.check_credential(session, name, camera.village, c.identity.villages)
        elif body.username is not None and body.password is not None:
            await credentials.check_own(session, name, camera.id)
            await credentials.save(
                session, _vault(c), name, body.username, body.password.get_secret_value(), now, c.identity.name,
                reason=body.reason,
            )  # fmt: skip
        row = await session.get_one(Camera, camera.id)
        await editing.edit(session, row, {"credential": name}, now, c.identity.name, body.reason)
    return CredentialReply(credential=name)


def _vault(c: AnyContext) -> Vault:
    if c.services.onboarding is None:
        raise ConflictError("the station is still starting; try again in a moment", ErrorCode.STATION_STARTING)
    return c.services.onboarding.vault
