"""Work over many cameras, in which one camera's trouble is its own.

A row that the database refuses, an address that is none, a credential that was sealed with another key, an answer that fits no
column: the camera's file says so (`problem`), the log too, and the others have their turn. What is everybody's trouble (the
database does not answer) is raised.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import NoResultFound

from cameras.onvif.soap import for_people
from cameras.tables import Camera
from core.database import Database
from core.database_errors import UNFIT, why_unfit
from core.errors import CameraError, ConflictError, MinwangError, NotFoundError, SecretError, UsageError
from core.logs import redact

log = logging.getLogger(__name__)

_SHAPES = (TypeError, LookupError, AttributeError)  # JSON of another shape than the station writes
TROUBLE = (CameraError, SecretError, UsageError, NotFoundError, ConflictError, NoResultFound, *UNFIT, *_SHAPES)
MAX_PROBLEM = 200  # characters of Camera.problem


def why(error: BaseException) -> str:
    """One of TROUBLE as a sentence that any database keeps."""
    if isinstance(error, MinwangError):
        return for_people(str(error), MAX_PROBLEM)
    told = why_unfit(error) if isinstance(error, UNFIT) else f"{type(error).__name__}: {redact(str(error))}"
    return for_people(f"its file, or what it told, cannot be used: {told}", MAX_PROBLEM)


@asynccontextmanager
async def own_trouble(database: Database, camera: str) -> AsyncIterator[None]:
    """A camera's turn: what is its own trouble ends the turn and is kept in its file."""
    try:
        yield
    except TROUBLE as e:
        await note(database, camera, e)


async def note(database: Database, camera: str, error: BaseException) -> None:
    """Tell why a camera could not be cared for, in the log and, where its row can still be written, in its file."""
    # Where to look in the code counts only where the file has another shape than the code believes.
    log.warning("%s: %s", camera, why(error), exc_info=isinstance(error, _SHAPES))
    try:
        async with database.session() as session:
            row = await session.get(Camera, camera)
            if row is not None:
                row.problem = why(error)
    except UNFIT as e:
        log.warning("%s: its file cannot be written: %s", camera, why_unfit(e))
