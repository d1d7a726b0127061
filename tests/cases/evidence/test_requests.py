"""Requests for evidence: who may take which step, what the database refuses by itself, expiry, telephone approvals."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from cases.evidence import requests
from cases.evidence.requests import RequestLimits
from cases.evidence.tables import (
    TRANSITIONS,
    EvidenceApproval,
    EvidenceHandOver,
    EvidenceRequest,
    EvidenceState,
    EvidenceStepKind,
    LegalGround,
)
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from nvr.tables import Hold
from tests.cases.evidence.conftest import asked
from tests.cases.evidence.packages import BEGIN_US, SECOND

LIMITS = RequestLimits()
DAY_US = 86_400 * SECOND


async def created(session: AsyncSession, clock: ManualClock, **changes: object) -> EvidenceRequest:
    return await requests.create(session, clock.now(), "asks", asked(**changes), None, LIMITS)


async def submitted(session: AsyncSession, clock: ManualClock, **changes: object) -> EvidenceRequest:
    row = await created(session, clock, **changes)
    await requests.submit(session, clock.now(), "asks", row)
    return row


async def test_the_whole_road_is_custody_and_audit(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        row = await submitted(session, clock)
        assert row.number == f"E-{clock.now().year}-00001"
        assert await session.scalar(select(func.count()).where(Hold.released_at.is_(None))) == 2
        await requests.approve(session, clock.now(), "leader", row)
        await requests.begin_extraction(session, clock.now(), "video", row)
        row.state = EvidenceState.SEALED
        await session.flush()
        await requests.hand_over(session, clock.now(), "video", row, "王五", "刑侦大队", "2026-7", "光盘")
        await requests.close(session, clock.now(), "video", row)
        kinds = [s.kind.value for s in await requests.steps_of(session, row.id)]
        assert kinds == ["created", "submitted", "approved", "extraction", "handed_over", "closed"]
        actions = list(
            await session.scalars(select(AuditRow.action).where(AuditRow.object == row.number).order_by(AuditRow.id))
        )
        assert actions == [
            "evidence.create", "evidence.submit", "evidence.approve", "evidence.extract", "evidence.hand_over",
            "evidence.close",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"purpose": " "}, "purpose"),
        ({"second_officer_number": "033001 "}, "two officers"),
        ({"case": None}, "name the case"),
        ({"end_us": BEGIN_US}, "later than the start"),
        ({"end_us": BEGIN_US - SECOND}, "later than the start"),
        ({"end_us": BEGIN_US + DAY_US}, "future"),
        ({"start_us": BEGIN_US - 41 * DAY_US}, "longer than 40 days"),
        ({"cameras": []}, "1 to 50 cameras"),
        ({"cameras": ["c1", "c1"]}, "each once"),
        ({"cameras": [f"x{i}" for i in range(51)]}, "1 to 50 cameras"),
    ],
)
async def test_a_wrong_request_is_one_sentence(
    changes: dict[str, object], sentence: str, town: Database, clock: ManualClock
) -> None:
    async with town.session() as session:
        with pytest.raises(UsageError, match=sentence):
            await created(session, clock, **changes)
        assert await session.scalar(select(func.count()).select_from(EvidenceRequest)) == 0


async def test_cameras_and_requests_of_other_villages_do_not_exist(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        with pytest.raises(NotFoundError):
            await requests.create(session, clock.now(), "asks", asked(cameras=["c1", "c3"]), ["v"], LIMITS)
        row = await created(session, clock, cameras=["c1", "c3"])
        assert (await requests.request_of(session, row.id, ["v", "w"])).id == row.id
        assert await requests.requests(session, ["v"]) == []
        with pytest.raises(NotFoundError):
            await requests.request_of(session, row.id, ["v"])


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, 1),
        ({"start_us": BEGIN_US - 6 * 3600 * SECOND, "end_us": BEGIN_US}, 1),
        ({"start_us": BEGIN_US - 6 * 3600 * SECOND - 1, "end_us": BEGIN_US}, 2),
        ({"start_us": BEGIN_US - 40 * DAY_US, "end_us": BEGIN_US}, 2),
    ],
)
async def test_a_long_range_needs_a_second_approver(
    changes: dict[str, object], needed: int, town: Database, clock: ManualClock
) -> None:
    async with town.session() as session:
        row = await submitted(session, clock, **changes)
        assert row.approvals_needed == needed
        await requests.approve(session, clock.now(), "leader", row)
        assert (row.state is EvidenceState.APPROVED) is (needed == 1)
        if needed == 2:
            with pytest.raises(ForbiddenError, match="already"):
                await requests.approve(session, clock.now(), "leader", row)
            with pytest.raises(ConflictError):
                await requests.begin_extraction(session, clock.now(), "video", row)
            await requests.approve(session, clock.now(), "deputy", row)
            assert row.state is EvidenceState.APPROVED


async def test_nobody_decides_about_his_own_request(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        row = await submitted(session, clock)
        for step in (requests.approve(session, clock.now(), "asks", row),
                     requests.refuse(session, clock.now(), "asks", row, "no")):  # fmt: skip
            with pytest.raises(ForbiddenError, match="second person"):
                await step
        with pytest.raises(ForbiddenError):
            await requests.cancel(session, clock.now(), "leader", row, "no")


async def test_a_third_person_extracts_and_hands_over(town: Database, clock: ManualClock) -> None:
    """R-ROLE-2: applicant, approver and custodian are three; the database says so as well."""
    async with town.session() as session:
        row = await submitted(session, clock)
        number = row.id
        await requests.approve(session, clock.now(), "leader", row)
        for name in ("asks", "leader"):
            with pytest.raises(ForbiddenError, match="third person"):
                await requests.begin_extraction(session, clock.now(), name, row)
        await requests.begin_extraction(session, clock.now(), "video", row)
        row.state = EvidenceState.SEALED
        await session.flush()
        with pytest.raises(ForbiddenError, match="third person"):
            await requests.hand_over(session, clock.now(), "leader", row, "a", "b", "c", "d")
    for name in ("asks", "leader"):
        with pytest.raises(DBAPIError, match="cannot take this step: custodian"):
            async with town.session() as session:
                await session.execute(text("UPDATE evidence_request SET custodian = :n"), {"n": name})
        with pytest.raises(DBAPIError, match="cannot take this step: third_person"):
            async with town.session() as session:
                session.add(EvidenceHandOver(request=number, copy=1, receiver="a", unit="b", receipt="c", medium="d",
                                             at=clock.now(), by=name))  # fmt: skip


async def test_a_refused_request_is_asked_for_again(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        row = await submitted(session, clock)
        with pytest.raises(UsageError):
            await requests.refuse(session, clock.now(), "leader", row, " ")
        with pytest.raises(ConflictError, match="has not ended"):
            await created(session, clock, follows=row.id)
        await requests.refuse(session, clock.now(), "leader", row, "too long")
        assert await session.scalar(select(func.count()).where(Hold.released_at.is_(None))) == 0
        again = await created(session, clock, follows=row.id)
        assert again.follows == row.id and again.number.endswith("00002")


async def test_a_telephone_approval_must_be_confirmed_within_a_day(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        row = await submitted(session, clock, ground=LegalGround.EMERGENCY, case=None)
        for name in ("video", "nobody"):
            with pytest.raises(ForbiddenError, match="may not approve"):
                await requests.approve_by_phone(session, clock.now(), "asks", row, name, "at night")
        with pytest.raises(ForbiddenError, match="second person"):
            await requests.approve_by_phone(session, clock.now(), "leader", row, "leader", "at night")
        await requests.approve_by_phone(session, clock.now(), "asks", row, "leader", "at night")
        assert row.state is EvidenceState.APPROVED
        assert await requests.overdue_confirmations(session, clock.now()) == []
        late = clock.now() + timedelta(hours=24)
        assert [a.approver for a in await requests.overdue_confirmations(session, late)] == ["leader"]
        with pytest.raises(NotFoundError):
            await requests.confirm(session, clock.now(), "deputy", row, was_so=True)
        await requests.confirm(session, clock.now(), "leader", row, was_so=True)
        assert await requests.overdue_confirmations(session, late) == []
        with pytest.raises(ConflictError):
            await requests.confirm(session, clock.now(), "leader", row, was_so=False)


async def test_a_denied_telephone_approval_stays_visible(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        row = await submitted(session, clock)
        await requests.approve_by_phone(session, clock.now(), "asks", row, "leader", "at night")
        await requests.confirm(session, clock.now(), "leader", row, was_so=False)
        assert [a.is_denied for a in await requests.overdue_confirmations(session, clock.now())] == [True]
        assert (await requests.steps_of(session, row.id))[-1].kind is EvidenceStepKind.DENIED


async def test_what_nobody_goes_on_with_expires(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        waiting, approved, draft = [await submitted(session, clock) for _ in range(2)] + [await created(session, clock)]
        await requests.approve(session, clock.now(), "leader", approved)
        assert await requests.expire_due(session, clock.now() + requests.EXTRACTION_TIME - timedelta(seconds=1)) == []
        assert await requests.expire_due(session, clock.now() + requests.EXTRACTION_TIME) == [approved]
        assert await requests.expire_due(session, clock.now() + requests.DECISION_TIME) == [waiting]
        assert draft.state is EvidenceState.DRAFT
        assert await session.scalar(select(func.count()).where(Hold.released_at.is_(None))) == 0


async def reach(session: AsyncSession, clock: ManualClock, state: EvidenceState) -> EvidenceRequest:
    """Return a request in a state, by steps that are allowed."""
    row = await created(session, clock)
    if state is EvidenceState.DRAFT:
        return row
    if state is EvidenceState.CANCELLED:
        await requests.cancel(session, clock.now(), "asks", row, "no")
        return row
    await requests.submit(session, clock.now(), "asks", row)
    if state is EvidenceState.SUBMITTED:
        return row
    if state is EvidenceState.REFUSED:
        await requests.refuse(session, clock.now(), "leader", row, "no")
        return row
    await requests.approve(session, clock.now(), "leader", row)
    for step in (EvidenceState.EXTRACTING, EvidenceState.SEALED, EvidenceState.HANDED_OVER, EvidenceState.CLOSED):
        if row.state is state:
            return row
        if state is EvidenceState.EXPIRED:
            row.due_at = clock.now()
            await requests.expire_due(session, clock.now())
            return row
        if step is EvidenceState.EXTRACTING:
            await requests.begin_extraction(session, clock.now(), "video", row)
        elif step is EvidenceState.SEALED:
            row.state = EvidenceState.SEALED
            await session.flush()
        elif step is EvidenceState.HANDED_OVER:
            await requests.hand_over(session, clock.now(), "video", row, "a", "b", "c", "d")
        else:
            await requests.close(session, clock.now(), "video", row)
    return row


async def test_the_database_refuses_every_forbidden_transition(town: Database, clock: ManualClock) -> None:
    """All pairs of states, asked of the database directly; with the approvals and a receiver there."""
    for before, after in product(EvidenceState, EvidenceState):
        if before is after or after in TRANSITIONS[before]:
            continue
        async with town.session() as session:
            number = (await reach(session, clock, before)).id
        with pytest.raises(DBAPIError, match="cannot take this step"):
            async with town.session() as session:
                await session.execute(
                    text("UPDATE evidence_request SET state = :s WHERE id = :n"), {"s": after.value, "n": number}
                )


async def test_the_database_lets_nothing_out_without_approvals(town: Database, clock: ManualClock) -> None:
    async with town.session() as session:
        number = (await submitted(session, clock, start_us=BEGIN_US - 7 * 3600 * SECOND)).id
        session.add(EvidenceApproval(request=number, approver="leader", granted=True, reason="", at=clock.now()))
    with pytest.raises(DBAPIError, match="cannot take this step: approvals"):
        async with town.session() as session:
            await session.execute(text("UPDATE evidence_request SET state = 'approved' WHERE id = :n"), {"n": number})


@pytest.mark.parametrize(
    ("state", "statement"),
    [
        ("submitted", "UPDATE evidence_request SET end_us = end_us + 1"),
        ("submitted", "UPDATE evidence_request SET approvals_needed = 2"),
        ("approved", "UPDATE evidence_request SET purpose = 'another'"),
        ("draft", "DELETE FROM evidence_request"),
        ("submitted", "UPDATE evidence_camera SET camera = 'c3' WHERE camera = 'c1'"),
        ("submitted", "DELETE FROM evidence_camera WHERE camera = 'c1'"),
        ("submitted", "INSERT INTO evidence_camera (request, camera, village) VALUES (1, 'c3', 'w')"),
        ("approved", "UPDATE evidence_approval SET approver = 'deputy'"),
        ("approved", "UPDATE evidence_approval SET recorded_by = 'x'"),
        ("approved", "DELETE FROM evidence_approval"),
        ("draft", "UPDATE evidence_step SET by = 'x'"),
        ("draft", "DELETE FROM evidence_step"),
        ("handed_over", "UPDATE evidence_hand_over SET receiver = 'x'"),
        ("handed_over", "DELETE FROM evidence_hand_over"),
    ],
)
async def test_the_database_keeps_what_was_asked_and_decided(
    state: str, statement: str, town: Database, clock: ManualClock
) -> None:
    async with town.session() as session:
        await reach(session, clock, EvidenceState(state))
    with pytest.raises(DBAPIError, match="cannot take this step"):
        async with town.session() as session:
            await session.execute(text(statement.replace("SET by", 'SET "by"')))


@pytest.mark.parametrize(("approver", "recorded_by"), [("asks", ""), ("asks", "video"), ("leader", "leader")])
async def test_the_database_wants_a_second_person(
    approver: str, recorded_by: str, town: Database, clock: ManualClock
) -> None:
    async with town.session() as session:
        number = (await submitted(session, clock)).id
    with pytest.raises(DBAPIError, match="second_person"):
        async with town.session() as session:
            session.add(
                EvidenceApproval(request=number, approver=approver, granted=True, reason="", at=clock.now(),
                                 recorded_by=recorded_by)
            )  # fmt: skip
