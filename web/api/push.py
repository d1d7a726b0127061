"""Routes for a phone's push subscription: its browser's push service rings it while the page is closed."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, Field

from cameras.vault import open_vault
from core.accounts.permissions import Permission
from core.accounts.sessions import SESSION_CHANGED_MESSAGE
from core.accounts.tables import SignIn
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, UsageError
from core.notify import channel_secrets, configuration, push_subscriptions
from core.notify.channels.webpush import WebPushTemplate, public_key
from core.notify.push_subscriptions import PhoneSubscription
from core.notify.vocabulary import ChannelKind
from core.secrets import KEY_FILE
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable

routes = RouteTable()


class PushState(BaseModel):
    public_key: str | None = Field(description="The station's key for subscriptions; null: it has no Web Push")
    subscribed: bool = Field(description="Whether this session's phone has a subscription")


class PushBody(BaseModel):
    endpoint: str = Field(min_length=1, max_length=1000)
    p256dh: str = Field(min_length=1, max_length=120)
    auth: str = Field(min_length=1, max_length=40)


@routes.add("GET", "/api/push", Permission.ALERT_ANSWER, reply=PushState)
async def push_state(c: Context) -> PushState:
    """Whether the station has Web Push, and whether this phone uses it."""
    return await _state(c)


@routes.add("POST", "/api/push", Permission.ALERT_ANSWER, body=PushBody, reply=PushState)
async def subscribe(c: Context[None, PushBody]) -> PushState:
    """Keep this phone's subscription; it ends with the session."""
    template, given = await _template(c), PhoneSubscription(c.body.endpoint, c.body.p256dh, c.body.auth)
    if template is None:
        raise ConflictError("the station has no Web Push", ErrorCode.PUSH_NOT_SET_UP)
    if not template.knows(given.endpoint):
        raise UsageError("this push service is not one of the station's", ErrorCode.PUSH_SERVICE_UNKNOWN)
    async with c.services.database.session() as session:
        sign_in = await session.get(SignIn, c.session_key)
        if sign_in is None:
            raise ForbiddenError(SESSION_CHANGED_MESSAGE, ErrorCode.SESSION_CHANGED)
        await push_subscriptions.subscribe(session, c.services.clock.now(), c.identity.name, sign_in, given)
    return await _state(c)


@routes.add("POST", "/api/push/end", Permission.ALERT_ANSWER, reply=PushState)
async def unsubscribe(c: Context) -> PushState:
    """End this phone's subscription."""
    async with c.services.database.session() as session:
        await push_subscriptions.unsubscribe(session, c.services.clock.now(), c.identity.name, c.session_key)
    return await _state(c)


async def _template(c: AnyContext) -> WebPushTemplate | None:
    file = await asyncio.to_thread(configuration.load_if_there, c.services.settings.notify.channels)
    template = file.channels.get(ChannelKind.WEBPUSH)
    return template if isinstance(template, WebPushTemplate) else None


async def _state(c: AnyContext) -> PushState:
    template, key = await _template(c), None
    async with c.services.database.reading() as session:
        there = await push_subscriptions.of_session(session, c.session_key) is not None
        if template is not None and template.secret in await channel_secrets.names(session):
            vault = await open_vault(c.services.database, c.services.data_dir / KEY_FILE)
            key = public_key((await channel_secrets.read(session, vault))[template.secret])
    return PushState(public_key=key, subscribed=there)
