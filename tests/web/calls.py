"""What many tests of the API share: calls, the server's services, rows of the audit trail, and pictures to send."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sqlalchemy import select

from core.audit.audit_trail import AuditRow
from core.database import Database
from tests.web.conftest import HEADERS, Client
from web.services import SERVICES, Services


async def submit(client: Client, path: str, body: Any = None, **fields: Any) -> tuple[int, Any]:
    """Post `body`, or `fields` as an object, and return the status with the JSON of the reply."""
    async with client.post(path, json=fields if body is None else body, headers=HEADERS) as reply:
        return reply.status, await reply.json()


async def post(client: Client, path: str, body: Any = None, status: int = 200) -> Any:
    """Post `body` (default: an empty object) and return the JSON of the reply, which must have this status."""
    async with client.post(path, json={} if body is None else body, headers=HEADERS) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json()


async def get(client: Client, path: str) -> Any:
    """Return the JSON of a successful reply."""
    async with client.get(path) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


def services_of(client: Client) -> Services:
    """Return the services of the client's server, to replace one of them."""
    assert client.app is not None
    return client.app[SERVICES]


async def audit_rows(database: Database, *actions: str) -> list[AuditRow]:
    """Return the audit trail's rows of these actions, oldest first."""
    async with database.reading() as session:
        return list(await session.scalars(select(AuditRow).where(AuditRow.action.in_(actions)).order_by(AuditRow.id)))


def jpeg(picture: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def grey_jpeg(width: int = 640, height: int = 360) -> bytes:
    return jpeg(np.full((height, width, 3), 200, np.uint8))
