"""Routes for one's own contacts: by what messages outside the console one is reached (R-CONTACT-1).

Another person's contact needs two persons at the station's machine: `minwang notify contact`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from core.accounts.permissions import Permission
from core.accounts.second_factor.policy import require_fresh_code
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, TooManyError
from core.notify import configuration, contacts, trial
from core.notify.tables import Contact
from core.notify.vocabulary import ChannelKind
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()

TEST_EVERY = timedelta(minutes=1)


class ContactView(BaseModel):
    channel: ChannelKind
    address: str = Field(description="Shortened: enough to recognise one's own")
    since: datetime
    until: datetime | None = Field(description="Used until then, because it was changed or withdrawn; null: it stays")


class OwnContacts(BaseModel):
    channels: list[ChannelKind] = Field(description="Those that the station has, with which persons are reached")
    contacts: list[ContactView] = Field(description="In use, oldest first")


class ContactBody(BaseModel):
    channel: ChannelKind
    address: str = Field(min_length=1, max_length=200)


class ChannelBody(BaseModel):
    channel: ChannelKind


@routes.add("GET", "/api/contacts", Permission.SIGNED_IN, reply=OwnContacts)
async def own_contacts(c: Context) -> OwnContacts:
    """One's own contacts, and the channels that the station has."""
    return await _own(c)


@routes.add("POST", "/api/contacts", Permission.SIGNED_IN, body=ContactBody, reply=OwnContacts)
async def change_contact(c: Context[None, ContactBody]) -> OwnContacts:
    """Set or change a contact. The old address is told and used for 24 hours more; needs a fresh one-time code."""
    now = c.services.clock.now()
    require_fresh_code(c.services.settings.accounts.second_factor, c.identity, now)
    async with c.services.database.session() as session:
        await contacts.change(session, now, c.identity.name, c.identity.name, c.body.channel, c.body.address)
    return await _own(c)


@routes.add("POST", "/api/contacts/withdraw", Permission.SIGNED_IN, body=ChannelBody, reply=OwnContacts)
async def withdraw_contact(c: Context[None, ChannelBody]) -> OwnContacts:
    """Withdraw a contact; it is told and used for 24 hours more. Needs a fresh one-time code."""
    now = c.services.clock.now()
    require_fresh_code(c.services.settings.accounts.second_factor, c.identity, now)
    async with c.services.database.session() as session:
        await contacts.withdraw(session, now, c.identity.name, c.body.channel)
    return await _own(c)


@routes.add("POST", "/api/contacts/test", Permission.SIGNED_IN, reply=Done)
async def test_contacts(c: Context) -> None:
    """Send a test message to each of one's own contacts, once a minute at most."""
    now, name = c.services.clock.now(), c.identity.name
    async with c.services.database.session() as session:
        there = await contacts.of_account(session, name, now)
        if not there:
            raise ConflictError("there is no contact to send a test to", ErrorCode.CONTACT_MISSING)
        if await trial.sent_since(session, name, now - TEST_EVERY):
            raise TooManyError("a test was sent within the last minute", ErrorCode.CONTACT_TEST_TOO_SOON)
        await trial.send(session, now, there)
        await audit_trail.record(session, now, name, AuditAction.NOTIFY_TEST, name)


def _view(contact: Contact) -> ContactView:
    shown = contacts.masked(contact.channel, contact.address)
    return ContactView(channel=contact.channel, address=shown, since=contact.since, until=contact.until)


async def _own(c: AnyContext) -> OwnContacts:
    path, now = c.services.settings.notify.channels, c.services.clock.now()
    described = await asyncio.to_thread(configuration.load_if_there, path)
    async with c.services.database.reading() as session:
        there = await contacts.of_account(session, c.identity.name, now)
    return OwnContacts(
        channels=[kind for kind in described.channels if kind in contacts.ADDRESSES],
        contacts=[_view(contact) for contact in there if contact.channel in contacts.ADDRESSES],
    )
