"""Example pictures for a comparison by appearance: from a box on a recorded picture, or uploaded. Has no routes."""

from __future__ import annotations

from pydantic import BaseModel

from cameras.states import StreamKind
from core.clock import from_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from nvr.archive.reader import Keyframe
from nvr.playback import uploads
from search.query import example
from search.query.example import AppearanceExample, Box
from web.framework.context import AnyContext
from web.policy import check_playback, visible_camera


class BoxQuery(BaseModel):
    """A box on an uploaded picture, in shares of it; none: what is largest."""

    x: float | None = None
    y: float | None = None
    w: float | None = None
    h: float | None = None

    def box(self) -> Box | None:
        """Return the box; None if there is none. Raises UsageError for a part of one."""
        if self.x is None or self.y is None or self.w is None or self.h is None:
            if any(v is not None for v in (self.x, self.y, self.w, self.h)):
                raise UsageError("a box needs x, y, w and h", ErrorCode.BOX_INCOMPLETE)
            return None
        return self.x, self.y, self.w, self.h


async def example_from_frame(
    c: AnyContext, camera_id: str, kind: StreamKind, at_us: int, box: Box
) -> AppearanceExample:
    """Describe the content of a box of a recorded picture. Raises PurposeRequired, ForbiddenError, NotFoundError."""
    camera = await visible_camera(c, camera_id, with_retired=True)
    check_playback(c, from_microseconds(at_us))
    stream = f"{camera.id}/{kind}"
    frame: Keyframe | None = await c.services.reader.keyframe_at(stream, at_us)
    if frame is None:
        raise NotFoundError(
            f"nothing is recorded there at {from_microseconds(at_us).isoformat(timespec='seconds')}",
            ErrorCode.NOTHING_RECORDED_AT,
            at=from_microseconds(at_us),
        )
    before = await c.services.reader.keyframes(
        stream, max(0, at_us - example.LEARN_US), at_us, example.LEARN_KEYFRAMES,
        step_us=example.LEARN_US // example.LEARN_KEYFRAMES,
    )  # fmt: skip
    made: AppearanceExample = await c.services.example_pool.run(example.from_frame, frame, box, before)
    return made


async def example_from_upload(c: AnyContext, box: Box | None) -> AppearanceExample:
    """Describe the picture in the request's body: the box, or what is largest in it. Raises UsageError."""
    # Decode the upload in a disposable process, not beside the models: a decompression bomb does no harm there.
    content = await c.services.uploads.reencode(
        c.request, c.identity.user_id, uploads.MAX_BYTES, example.MAX_PIXELS, 95
    )
    made: AppearanceExample = await c.services.example_pool.run(example.from_picture, content, box)
    return made
