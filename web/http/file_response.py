"""Serves files with byte ranges (RFC 9110). An invalid range, or one whose condition fails, yields the whole file.

aiohttp's own response answers 416 to a Range header that it cannot parse (RFC 9110 14.2: an unknown unit must be
ignored, an invalid set may be), and honours a range whatever entity tag stands in If-Range (13.1.5; the client would
join parts of two versions). A date outside the calendar and a name longer than a file name may be make its handlers
fail; here the date is ignored and the file is not found.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import LooseHeaders

_SINGLE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-(0*[1-9][0-9]{0,17}))", re.IGNORECASE)


class FileResponse(web.FileResponse):
    """A file response with the range handling of this module."""

    def __init__(
        self, path: Path, *, headers: LooseHeaders | None = None, sending: AbstractContextManager[None] | None = None
    ):
        """`sending`: a context manager that is entered while the bytes are sent."""
        super().__init__(path, headers=headers)
        self._sending = sending

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        wanted, condition = request.headers.get(hdrs.RANGE), request.headers.get(hdrs.IF_RANGE)
        holds = wanted is not None and _is_range(wanted)
        if holds and condition is not None:
            holds = await asyncio.to_thread(_holds, self._path, condition)
        sending, self._sending = self._sending, None
        with sending or nullcontext():
            return await super().prepare(cast(web.BaseRequest, _CheckedRequest(request, ranged=holds)))


class BytesResponse(web.Response):
    """As web.Response. `sending` is a context manager that is entered while the bytes are sent."""

    def __init__(self, body: bytes, *, sending: AbstractContextManager[None], content_type: str, headers: LooseHeaders):
        super().__init__(body=body, content_type=content_type, headers=headers)
        self._sending: AbstractContextManager[None] | None = sending

    async def write_eof(self, data: bytes = b"") -> None:
        sending, self._sending = self._sending, None
        with sending or nullcontext():
            await super().write_eof(data)


class Static(web.StaticResource):
    """A folder of public files, each served as a `FileResponse` with the given headers.

    Where `file.js.br` or `file.js.gz` lies beside `file.js`, a client that accepts it gets that one.
    """

    def __init__(self, prefix: str, directory: Path, *, headers: Mapping[str, str] | None = None):
        super().__init__(prefix, directory)
        self._headers = dict(headers or {})

    def _resolve_path_to_response(self, unresolved_path: Path) -> web.StreamResponse:
        try:
            found = super()._resolve_path_to_response(unresolved_path)
        except OSError as e:  # a name that no file can have
            raise web.HTTPNotFound from e
        if not isinstance(found, web.FileResponse):
            return found
        if not found._path.is_file():  # a file response would answer 404 with the headers of the file
            raise web.HTTPNotFound
        return FileResponse(found._path, headers=self._headers)


class _CheckedRequest:
    """The request with its range and dates checked: the range only if `ranged`, invalid dates as None."""

    if_range = None

    def __init__(self, request: web.BaseRequest, *, ranged: bool):
        self._request = request
        self.http_range = request.http_range if ranged else slice(None, None, 1)
        self.if_modified_since = _date(request, "if_modified_since")
        self.if_unmodified_since = _date(request, "if_unmodified_since")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def _date(request: web.BaseRequest, name: str) -> datetime | None:
    """Return a date header of the request; None if it is invalid (RFC 9110 13.1.3, 13.1.4: ignore it)."""
    try:
        found: datetime | None = getattr(request, name)
        return found if found is None or found.timestamp() >= 0 else None
    except (ValueError, OverflowError):
        return None


def _is_range(text: str) -> bool:
    """Return whether the header states exactly one valid range; several may be ignored (RFC 9110 14.2)."""
    found = _SINGLE.fullmatch(text.strip())
    return found is not None and not (found[2] and int(found[1]) > int(found[2]))


def _holds(path: Path, condition: str) -> bool:
    """Return whether the file is the version that If-Range names (entity tag or date). Blocking."""
    try:
        status = os.stat(path)
        if '"' in condition:
            return condition.strip() == f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        return parsedate_to_datetime(condition).timestamp() == math.ceil(status.st_mtime)
    except (OSError, ValueError, OverflowError):
        return False
