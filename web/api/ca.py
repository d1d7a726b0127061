"""Routes of the install page for the station's certificate authority."""

from __future__ import annotations

import asyncio

from aiohttp import web

from core.accounts.permissions import Permission
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.tls import install_page

routes = RouteTable()


@routes.add("GET", install_page.PAGE, Permission.PUBLIC, kind=ReplyKind.PAGE)
async def ca_page(c: Context) -> web.Response:
    """The page that explains to phone and computer users how to trust the station's certificate."""
    return await _answer(c)


@routes.add("GET", install_page.CERTIFICATE, Permission.PUBLIC, kind=ReplyKind.FILE)
async def ca_certificate(c: Context) -> web.Response:
    """The authority's certificate (DER)."""
    return await _answer(c)


@routes.add("GET", install_page.PROFILE, Permission.PUBLIC, kind=ReplyKind.FILE)
async def ca_profile(c: Context) -> web.Response:
    """The authority's certificate as a configuration profile for Apple devices."""
    return await _answer(c)


async def _answer(c: AnyContext) -> web.Response:
    return await asyncio.to_thread(install_page.answer, c.services.data_dir, c.request.path)
