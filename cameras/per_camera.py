"""Error isolation for work over many cameras: one camera's error does not stop the others.

Examples are a row that the database rejects, an invalid address, a credential sealed with another key, or a reply that
does not fit a column. The error is stored in the camera's record (`problem`) and logged, and the work goes on with the
next camera. Errors that affect all cameras (the database does not answer) are raised.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import NoResultFound

from cameras.onvif.soap import display_text
from cameras.tables import Camera
from core.database import Database
from core.database_errors import ROW_ERRORS, row_error_reason
from core.errors import CameraError, ConflictError, MinwangError, NotFoundError, SecretError, UsageError
from core.logs import redact

log = logging.getLogger(__name__)

_STRUCTURE_ERRORS = (TypeError, LookupError, AttributeError)  # JSON with an unexpected structure
CAMERA_ERRORS = (
    CameraError,
    SecretError,
    UsageError,
    NotFoundError,
    ConflictError,
    NoResultFound,
    *ROW_ERRORS,
    *_STRUCTURE_ERRORS,
)
MAX_PROBLEM_CHARS = 200  # characters; the size of the column Camera.problem


def error_message(error: BaseException) -> str:
    """Return the message of one of CAMERA_ERRORS, in characters that any database can store."""
    if isinstance(error, MinwangError):
        return display_text(str(error), MAX_PROBLEM_CHARS)
    text = row_error_reason(error) if isinstance(error, ROW_ERRORS) else f"{type(error).__name__}: {redact(str(error))}"
    return display_text(f"the camera's record or response cannot be used: {text}", MAX_PROBLEM_CHARS)


@asynccontextmanager
async def isolate_camera_errors(database: Database, camera: str) -> AsyncIterator[None]:
    """Run the block for one camera; store an error of CAMERA_ERRORS in the camera's record and continue."""
    try:
        yield
    except CAMERA_ERRORS as e:
        await record_problem(database, camera, e)


async def record_problem(database: Database, camera: str, error: BaseException) -> None:
    """Log why a camera could not be processed and, if its row can still be written, store it there."""
    # A traceback helps only if the record has a structure that the code does not expect.
    log.warning("%s: %s", camera, error_message(error), exc_info=isinstance(error, _STRUCTURE_ERRORS))
    try:
        async with database.session() as session:
            row = await session.get(Camera, camera)
            if row is not None:
                row.problem = error_message(error)
    except ROW_ERRORS as e:
        log.warning("%s: the camera's record cannot be written: %s", camera, row_error_reason(e))
