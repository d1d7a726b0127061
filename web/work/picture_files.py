"""Reads and writes small pictures below the data folder; each is served only through a database row that names it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from core.error_codes import ErrorCode
from core.errors import NotFoundError


async def picture(data_dir: Path, relative: str | None) -> web.Response:
    """Return a JPEG as a response. Raises NotFoundError if `relative` is empty or the file does not exist."""
    if not relative:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    body = await asyncio.to_thread(read, data_dir, relative)
    return web.Response(body=body, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def read(data_dir: Path, relative: str) -> bytes:
    """Return the content of a file below the data folder. Blocking. Raises NotFoundError."""
    root = data_dir.resolve()
    path = (root / relative).resolve()
    if root not in path.parents:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    try:
        return path.read_bytes()
    except OSError as e:
        raise NotFoundError("this picture is no longer kept", ErrorCode.PICTURE_NOT_KEPT) from e


async def write(data_dir: Path, relative: str, content: bytes) -> None:
    """Write a small file below the data folder atomically."""
    await asyncio.to_thread(_write, data_dir / relative, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
