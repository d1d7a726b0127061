"""Routes for bookmarks: moments of the recording with a few words."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from core.accounts.permissions import Permission
from core.clock import from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import UsageError
from nvr.archive import bookmarks
from nvr.tables import Bookmark
from web.framework.context import Context
from web.framework.routing import Done, RouteTable
from web.policy import check_playback, visible_camera

routes = RouteTable()

MAX_CAMERAS = 25
MAX_LISTED = 500


class BookmarkView(BaseModel):
    id: int
    camera: str
    village: str
    at: datetime
    text: str
    created_by: str
    created_at: datetime


class BookmarkQuery(BaseModel):
    camera: str = Field(max_length=1_000, description="Ids of one to 25 cameras, with commas between them")
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")


class BookmarkBody(BaseModel):
    camera: str = Field(max_length=40)
    at: datetime
    text: str = Field(min_length=1, max_length=200)


def bookmark_view(row: Bookmark) -> BookmarkView:
    return BookmarkView(
        id=row.id, camera=row.camera, village=row.village, at=from_microseconds(row.at_us), text=row.text,
        created_by=row.created_by, created_at=row.created_at,
    )  # fmt: skip


@routes.add("GET", "/api/bookmarks", Permission.PLAYBACK_VIEW, query=BookmarkQuery, reply=list[BookmarkView])
async def list_bookmarks(c: Context[BookmarkQuery]) -> list[BookmarkView]:
    """Bookmarks of some cameras, oldest first, at most 500."""
    cameras = [x for x in c.query.camera.split(",") if x]
    if not 1 <= len(cameras) <= MAX_CAMERAS:
        raise UsageError(
            f"name one to {MAX_CAMERAS} cameras, with commas between them",
            ErrorCode.CAMERAS_REQUIRED,
            limit=MAX_CAMERAS,
        )
    start, end = to_microseconds(c.query.start), to_microseconds(c.query.end)
    async with c.services.database.reading() as session:
        rows = await bookmarks.between(session, cameras, start, end, c.identity.villages, MAX_LISTED)
    return [bookmark_view(row) for row in rows]


@routes.add("POST", "/api/bookmarks", Permission.PLAYBACK_VIEW, body=BookmarkBody, reply=BookmarkView)
async def add_bookmark(c: Context[None, BookmarkBody]) -> BookmarkView:
    """Mark a moment of a camera's recording; needs a stated purpose."""
    camera = await visible_camera(c, c.body.camera, with_retired=True)
    check_playback(c, c.body.at)
    now, at = c.services.clock.now(), to_microseconds(c.body.at)
    async with c.services.database.session() as session:
        return bookmark_view(await bookmarks.add(session, now, c.identity.name, camera, at, c.body.text, c.purpose))


@routes.add("DELETE", "/api/bookmarks/{bookmark}", Permission.PLAYBACK_VIEW, reply=Done)
async def delete_bookmark(c: Context) -> None:
    """Delete a bookmark of one's own; an approver also those of others."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        await bookmarks.delete(
            session, now, who.name, c.number("bookmark"), who.villages, who.purpose,
            any_owner=who.may(Permission.WATCH_APPROVE),
        )  # fmt: skip
