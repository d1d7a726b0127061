"""The cameras' credentials: a name, a user name, and a password that only the vault can open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Credential
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError
from core.secrets import Vault

MAX_NAME = 40


@dataclass(frozen=True, slots=True)
class CredentialUse:
    """A credential without its password. `cameras`, `refused`: cameras in use, within the caller's villages."""

    name: str
    username: str
    password_set: bool
    cameras: int
    refused: int


async def listed(session: AsyncSession, scope: Villages) -> list[CredentialUse]:
    """Return the credentials by name; an account of some villages gets those that its cameras use."""
    used: dict[str, tuple[int, int]] = {}
    query = select(Camera.credential, Camera.refused_at).where(
        Camera.retired.is_(False), Camera.credential.is_not(None), village_in_scope(Camera.village, scope)
    )
    for name, refused_at in await session.execute(query):
        if name is None:
            continue
        cameras, refused = used.get(name, (0, 0))
        used[name] = (cameras + 1, refused + (refused_at is not None))
    return [
        CredentialUse(row.name, row.username, row.sealed is not None, *used.get(row.name, (0, 0)))
        for row in await session.scalars(select(Credential).order_by(Credential.name))
        if scope is None or row.name in used
    ]


async def save(
    session: AsyncSession,
    vault: Vault,
    name: str,
    username: str,
    password: str,
    at: datetime,
    actor: str,
    *,
    reason: str = "",
) -> None:
    """Seal user name and password under a name; cameras that refused the former ones are tried again. Audited."""
    row = await session.get(Credential, name)
    if row is None:
        row = Credential(name=name, username=username)
        session.add(row)
    before, row.username = row.username, username
    row.sealed = vault.seal(password, f"credential:{name}")
    await session.flush()
    for camera in await session.scalars(select(Camera).where(Camera.credential == name)):
        if camera.refused_at is not None:
            camera.problem = None  # the problem was the refused credential
        camera.refused_at = camera.auth_mode = None
    await audit_trail.record(
        session, at, actor, AuditAction.CREDENTIAL_SET, name, reason=reason, old=before, new=username
    )


def own_name(camera: str) -> str:
    """Return the name of the credential that only this camera uses."""
    return f"manual-{camera}"[:MAX_NAME]


async def check_own(session: AsyncSession, name: str, camera: str) -> None:
    """Raise ConflictError if another camera uses the credential: its password would change as well."""
    query = select(Camera.id).where(Camera.credential == name, Camera.id != camera)
    if other := await session.scalar(query.limit(1)):
        raise ConflictError(
            f"the camera {other} uses the credential '{name}' too; choose it by its name",
            ErrorCode.CREDENTIAL_SHARED,
            name=name,
            camera=other,
        )
