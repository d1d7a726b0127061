"""Proposals for the watch list: a second person decides, a subject expires, may be renewed, and is ended.

Each step writes an audit row and one event for each village concerned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from sqlalchemy.ext.asyncio import AsyncSession

from cases.register.case_files import case_of, check_villages
from cases.tables import SubjectState, WatchExample, WatchSubject
from cases.watch import watched
from cases.watch.look_back import BEFORE_APPROVAL
from cases.watch.subject_words import SubjectWords
from cases.watch.subjects import subject_of
from core import events
from core.accounts.scope import Villages, covers
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, UsageError
from search.query.similar import MIN_EXAMPLE_SIMILARITY
from search.vocabulary import ClassWord

MAX_WATCH_DURATION = timedelta(days=30)
MIN_THRESHOLD, MAX_THRESHOLD = 0.3, 0.99  # cosine to an example picture; the API refuses others


async def propose(
    session: AsyncSession,
    at: datetime,
    actor: str,
    *,
    case: int,
    title: str,
    words: SubjectWords,
    villages: list[str] | None,
    reason: str,
    expires_at: datetime,
    shown: Sequence[WatchExample] = (),
    threshold: float = MIN_EXAMPLE_SIMILARITY,
    scope: Villages = None,
) -> WatchSubject:
    """Propose a subject; it matches nothing until a second person approves it.

    `shown`: example pictures, at most ten (cases.watch.examples); `threshold`: least cosine to one of them. `scope`:
    the villages that the actor sees, None: all. Raises UsageError for a subject that would match everybody,
    NotFoundError for a case or a village outside the scope, and ConflictError for a closed case.
    """
    check_end(at, expires_at)
    if not words.describes_somebody() and not shown:
        raise UsageError("add a colour or a picture; the class alone matches everybody", ErrorCode.SUBJECT_TOO_GENERAL)
    found = await case_of(session, case, scope)
    if found.closed_at is not None:
        raise ConflictError("this case is closed; open another one", ErrorCode.CASE_CLOSED)
    check_scope(villages, scope)
    row = draft(words, villages, threshold)
    row.case, row.title, row.reason = case, title, reason
    row.proposed_by, row.proposed_at, row.expires_at = actor, at, expires_at
    watched.compiled(await watched.scope_of(session, [words]), row, timezone.utc)  # raises UsageError
    session.add(row)
    await session.flush()
    for example in shown:
        example.subject = row.id
    announce(session, at, events.EventKind.WATCH_PROPOSED, row)
    await audit_trail.record(
        session, at, actor, AuditAction.WATCH_PROPOSE, str(row.id), reason=reason, case=found.number,
        words=words.restrictions(), examples=len(shown), threshold=threshold,
    )  # fmt: skip
    return row


def draft(words: SubjectWords, villages: list[str] | None, threshold: float) -> WatchSubject:
    """Return a subject as it would be proposed, without what concerns its case."""
    return WatchSubject(
        cls=words.cls[0] if words.cls else ClassWord.UNKNOWN,
        upper=words.upper[0] if words.upper else None, lower=words.lower[0] if words.lower else None,
        villages=villages, state=SubjectState.PROPOSED, words=words.restrictions(), likeness=threshold,
    )  # fmt: skip


def check_scope(villages: list[str] | None, scope: Villages) -> None:
    """Raise UsageError or NotFoundError for villages that an account may not have searched."""
    if villages is None and scope is not None:
        raise UsageError(
            "name the villages; only an account for the whole town may search all villages",
            ErrorCode.SUBJECT_VILLAGES_REQUIRED,
        )
    check_villages(villages, scope)


async def set_threshold(
    session: AsyncSession, at: datetime, actor: str, subject: int, threshold: float, *, approver: bool,
    scope: Villages = None,
) -> WatchSubject:  # fmt: skip
    """Change how alike a sighting must be to an example. Raising it restricts; an approver lowers it as well.

    Raises NotFoundError, ForbiddenError, UsageError, and ConflictError for a subject that is not active.
    """
    row = await for_decision(session, subject, scope, "change it")
    if not row.is_active(at):
        raise ConflictError("this subject is not on the watch list now", ErrorCode.SUBJECT_NOT_ACTIVE)
    if threshold < row.likeness and (not approver or row.proposed_by == actor):
        raise ForbiddenError(
            "a lower likeness gives more alerts; an approver who did not propose the subject must set it",
            ErrorCode.THRESHOLD_NEEDS_APPROVER,
        )
    before, row.likeness, row.threshold_at = row.likeness, threshold, at
    announce(session, at, events.EventKind.WATCH_CHANGED, row)
    await audit_trail.record(session, at, actor, AuditAction.WATCH_THRESHOLD, str(subject), old=before, new=threshold)
    return row


async def approve(
    session: AsyncSession,
    at: datetime,
    actor: str,
    subject: int,
    *,
    yes: bool,
    auto_dispatch: bool = False,
    scope: Villages = None,
) -> WatchSubject:
    """Approve or refuse a proposal.

    `scope`: the villages that the actor sees, None: all. Raises ForbiddenError if the actor proposed it or the subject
    covers villages beyond the scope, and ConflictError if it is decided already or has expired.
    """
    row = await for_decision(session, subject, scope, "decide")
    if row.state is not SubjectState.PROPOSED:
        raise ConflictError("this proposal was already decided", ErrorCode.PROPOSAL_DECIDED)
    if row.proposed_by == actor:
        raise ForbiddenError("a second person must decide on this proposal", ErrorCode.SECOND_PERSON_REQUIRED)
    if yes and row.expires_at <= at:
        raise ConflictError("this proposal has expired; propose it again", ErrorCode.PROPOSAL_EXPIRED)
    row.state = SubjectState.ACTIVE if yes else SubjectState.REFUSED
    row.approved_by, row.approved_at, row.auto_dispatch = actor, at, yes and auto_dispatch
    row.look_back_to, row.looked_back_at = at - BEFORE_APPROVAL if yes else None, None
    announce(session, at, events.EventKind.WATCH_APPROVED if yes else events.EventKind.WATCH_REFUSED, row)
    await audit_trail.record(
        session,
        at,
        actor,
        AuditAction.WATCH_APPROVE if yes else AuditAction.WATCH_REFUSE,
        str(subject),
        auto_dispatch=row.auto_dispatch,
    )
    return row


async def end_subject(
    session: AsyncSession, at: datetime, actor: str, subject: int, reason: str, scope: Villages = None
) -> WatchSubject:
    """Take a subject off the watch list, or withdraw a proposal.

    Nothing matches it any more, and its alerts cannot be dispatched.

    Raises NotFoundError, ForbiddenError beyond the scope, ConflictError if it is off the list already.
    """
    row = await for_decision(session, subject, scope, "end it")
    if row.state not in (SubjectState.ACTIVE, SubjectState.PROPOSED):
        raise ConflictError("this subject is not on the watch list", ErrorCode.SUBJECT_NOT_ACTIVE)
    row.state, row.ended_by, row.ended_at = SubjectState.ENDED, actor, at
    announce(session, at, events.EventKind.WATCH_ENDED, row)
    await audit_trail.record(session, at, actor, AuditAction.WATCH_END, str(subject), reason=reason)
    return row


async def renew(
    session: AsyncSession,
    at: datetime,
    actor: str,
    subject: int,
    expires_at: datetime,
    reason: str,
    scope: Villages = None,
) -> WatchSubject:
    """Extend an approved subject, also an expired one, by at most 30 days. The proposer may not do this.

    Raises NotFoundError, ForbiddenError, UsageError, and ConflictError for one that was refused or ended.
    """
    row = await for_decision(session, subject, scope, "renew it")
    if row.proposed_by == actor:
        raise ForbiddenError("a second person must decide on this proposal", ErrorCode.SECOND_PERSON_REQUIRED)
    if row.state is not SubjectState.ACTIVE:
        raise ConflictError("only an approved subject is renewed; propose it again", ErrorCode.SUBJECT_NOT_RENEWABLE)
    check_end(at, expires_at)
    before, row.expires_at = row.expires_at, expires_at
    row.approved_by, row.approved_at = actor, at
    announce(session, at, events.EventKind.WATCH_RENEWED, row)
    await audit_trail.record(
        session,
        at,
        actor,
        AuditAction.WATCH_RENEW,
        str(subject),
        reason=reason,
        old=before.isoformat(),
        new=expires_at.isoformat(),
    )
    return row


async def look_back(
    session: AsyncSession, at: datetime, actor: str, subject: int, hours: float, scope: Villages = None
) -> None:
    """Request a look-back: search for a subject among the sightings of the last hours.

    The request waits in the database for the matcher. If one waits or runs already, it is extended if this one reaches
    further back, and is not started again. Raises NotFoundError, ForbiddenError, ConflictError.
    """
    row = await for_decision(session, subject, scope, "request it")
    if not row.is_active(at):
        raise ConflictError("this subject is not on the watch list now", ErrorCode.SUBJECT_NOT_ACTIVE)
    back_to = at - timedelta(hours=hours)
    if row.look_back_to is None:
        row.look_back_to, row.looked_back_at = back_to, None
    else:
        row.look_back_to = min(row.look_back_to, back_to)
    announce(session, at, events.EventKind.WATCH_LOOK_BACK, row)
    await audit_trail.record(
        session, at, actor, AuditAction.WATCH_LOOK_BACK, str(subject), reason=row.reason, hours=hours
    )


def check_end(at: datetime, expires_at: datetime) -> None:
    """Raise UsageError for an expiry that is past or more than 30 days away."""
    if expires_at <= at:
        raise UsageError("this time is past; choose a later one", ErrorCode.SUBJECT_EXPIRY_PAST)
    if expires_at > at + MAX_WATCH_DURATION:
        raise UsageError(
            "a subject expires within 30 days; renew it when it is still needed", ErrorCode.SUBJECT_EXPIRY_TOO_LATE
        )


def announce(session: AsyncSession, at: datetime, kind: events.EventKind, row: WatchSubject) -> None:
    """Append one event for each village in which the subject is looked for (one for the whole town)."""
    for village in [None] if row.villages is None else row.villages:
        events.append(session, at, kind, village=village, subject=row.id)


async def for_decision(session: AsyncSession, subject: int, scope: Villages, deed: str) -> WatchSubject:
    """Return a subject of whose villages the account sees all. Raises NotFoundError, ForbiddenError."""
    row = await subject_of(session, subject, scope)
    if not covers(scope, row.villages):
        raise ForbiddenError(
            f"this subject is also looked for outside your villages; an account that sees all of them must {deed}",
            ErrorCode.SUBJECT_OUTSIDE_VILLAGES,
        )
    return row
