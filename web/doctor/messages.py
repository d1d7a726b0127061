"""Check of the messages to persons: whether an alert can reach the officers, and whether the last ones did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices
from cases.units import reachability
from core.accounts import enabled
from core.accounts.permissions import Role
from core.errors import SettingsError
from core.notify import channel_secrets, configuration, figures, outbox, texts
from core.notify.anomalies import PERSONS_CHANNELS
from core.notify.vocabulary import ChannelKind, DeliveryState
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

PERIOD = timedelta(hours=24)
NAMED = 5


async def messages(station: CheckedStation) -> Sequence[CheckResult]:
    """Judge channels, the contacts of patrol officers, and what became of the last day's messages."""
    path = station.settings.notify.channels
    if not await asyncio.to_thread(path.exists):
        return [warning(V.NO_CHANNEL(), R.DESCRIBE_CHANNELS(path=str(path)))]
    try:
        described = await asyncio.to_thread(configuration.load, path)
        await asyncio.to_thread(texts.load, station.settings.notify.texts or texts.SHIPPED)
        if station.database is None:
            return [unknown(V.NEEDS_DATABASE(), R.SEE_DATABASE())]
        async with station.database.reading() as session:
            configuration.require_secrets(described, await channel_secrets.names(session))
            alerted = [kind for kind in notices.ESCALATION if kind in described.channels]
            return [
                *await _unreachable_on_duty(session, station, alerted),
                *await _unreachable(session, station, alerted),
                *await _auditors_unreachable(session, station),
                await _last_day(session, station),
            ]
    except SettingsError as e:
        return [failed(V.CHANNELS_WRONG(reason=str(e)), R.MEND_CHANNELS())]


async def _unreachable(
    session: AsyncSession, station: CheckedStation, channels: Sequence[ChannelKind]
) -> Sequence[CheckResult]:
    """Name the patrol officers whom no alert reaches over the channels that the station has for alerts."""
    officers, now = {u.name for u in await enabled.with_role(session, Role.PATROL_OFFICER)}, station.clock.now()
    reached: set[str] = set()
    for channel in channels:
        reached |= {c.account for c in await outbox.contacts_of(session, sorted(officers), channel, now)}
    missing = sorted(officers - reached)
    if not missing:
        return []
    names = ", ".join(missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
    found = V.OFFICERS_UNREACHABLE(unreachable=len(missing), officers=len(officers), names=names)
    return [warning(found, R.SET_CONTACTS())]


async def _unreachable_on_duty(
    session: AsyncSession, station: CheckedStation, channels: Sequence[ChannelKind]
) -> Sequence[CheckResult]:
    """Name the officers on duty whom no alert reaches: that is a fault, not a warning."""
    found = await reachability.unreachable_on_duty(session, station.clock.now(), None, channels)
    if not found:
        return []
    names = ", ".join(o.account for o in found[:NAMED]) + (" …" if len(found) > NAMED else "")
    return [failed(V.ON_DUTY_UNREACHABLE(unreachable=len(found), names=names), R.REACH_OFFICERS())]


async def _auditors_unreachable(session: AsyncSession, station: CheckedStation) -> Sequence[CheckResult]:
    """Say that nobody would learn of unusual changes of contacts (R-CONTACT-2)."""
    auditors, now = [u.name for u in await enabled.with_role(session, Role.AUDITOR)], station.clock.now()
    for channel in PERSONS_CHANNELS:
        if await outbox.contacts_of(session, auditors, channel, now):
            return []
    return [warning(V.AUDITORS_UNREACHABLE(), R.SET_CONTACTS())]


async def _last_day(session: AsyncSession, station: CheckedStation) -> CheckResult:
    now = station.clock.now()
    found = await figures.by_channel(session, now - PERIOD, now)
    total = sum(sum(f.states.values()) for f in found)
    wrong = {f.channel.value: n for f in found if (n := f.states.get(DeliveryState.FAILED, 0))}
    if wrong:
        told = V.MESSAGES_FAILED(failed=sum(wrong.values()), messages=total, channels=", ".join(wrong))
        return warning(told, R.SEE_MESSAGES())
    return ok(V.MESSAGES_SENT(messages=total, waiting=sum(f.states.get(s, 0) for f in found for s in outbox.WAITING)))
