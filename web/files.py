"""Small pictures below the data folder, served only through a row that names them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from core.errors import NotFoundError


async def picture(data_dir: Path, relative: str | None) -> web.Response:
    """A JPEG. Raises NotFoundError where there is none (any more)."""
    if not relative:
        raise NotFoundError("there is no picture")
    body = await asyncio.to_thread(_read, data_dir, relative)
    return web.Response(body=body, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _read(data_dir: Path, relative: str) -> bytes:
    root = data_dir.resolve()
    path = (root / relative).resolve()
    if root not in path.parents:
        raise NotFoundError("there is no picture")
    try:
        return path.read_bytes()
    except OSError as e:
        raise NotFoundError("this picture is no longer kept") from e
