"""The types of the JSON columns name the fields that are written, and unknown texts of other releases can be read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text, update

from cameras import records
from cameras.onboarding.onboarding import _device_record
from cameras.onvif.client import SoapClient, http_session
from cameras.onvif.device import DeviceInformation
from cameras.registry import acceptance, findings
from cameras.registry.inventory_entries import CameraEntry, EncoderPolicy, Funding, PolicyEntry
from cameras.registry.rows import profile_of, rules_of
from cameras.states import AuthMode, FindingKind, StreamKind
from cameras.tables import Camera, Finding, Stream, Village
from core.clock import SystemClock
from core.database import Database

COLUMNS = {"id", "name", "village", "address", "credential", "streams"}


@pytest.mark.parametrize(
    ("record", "entry", "columns"),
    [
        (records.CameraProfile, CameraEntry, COLUMNS),
        (records.PolicyRules, PolicyEntry, {"name"}),
        (records.EncoderRules, EncoderPolicy, set()),
        (records.FundingRecord, Funding, set()),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_record_has_the_fields_of_its_entry(record: Any, entry: type[BaseModel], columns: set[str]) -> None:
    assert set(record.__annotations__) == set(entry.model_fields) - columns


def test_a_camera_reports_all_fields_of_its_record() -> None:
    assert set(_device_record(DeviceInformation())) == set(records.DeviceRecord.__annotations__)


def test_a_signature_covers_the_signed_facts() -> None:
    camera = Camera(id="v-1", name="n", village="v", profile={"legal_class": "9"}, acceptance={"picture": "p"})
    facts = acceptance.signed_facts(camera)
    assert set(facts) == set(records.SignedFacts.__annotations__)
    assert (facts["legal_class"], facts["picture"], facts["masks"]) == ("9", "p", None)


def test_entries_are_stored_without_columns_and_defaults() -> None:
    entry = CameraEntry(id="v-1", name="n", village="v", position=(110.5, 20.5), site="pole 7")
    profile = profile_of(entry)
    assert profile["position"] == [110.5, 20.5] and profile["site"] == "pole 7"
    assert not COLUMNS & set(profile) and "cost" not in profile
    policy = PolicyEntry(name="street", main=EncoderPolicy(fps=25.0))
    assert rules_of(policy) == {"main": {"fps": 25.0}}


async def test_texts_of_another_release_are_read_and_none_is_written(database: Database) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        session.add(Village(code="v", name="V", boundary=[], subnets=[], funding=[]))
        await session.flush()
        camera = Camera(id="v-1", name="n", village="v", profile={}, auth_mode=AuthMode.WSSE)
        camera.streams = [Stream(id="v-1/main", kind=StreamKind.MAIN)]
        session.add(camera)
        subject = findings.FindingSubject(None, "10.0.0.1:80", "v")
        await findings.open_or_update(session, now, FindingKind.CLONE, subject)
        await session.flush()
        await session.execute(text("UPDATE camera_finding SET kind = 'later_kind'"))
        await session.execute(text("UPDATE camera SET auth_mode = 'later'"))
    async with database.reading() as session:
        assert [f.kind for f in await findings.list_open(session)] == ["later_kind"]
        row = await session.get_one(Camera, "v-1")
        assert row.streams[0].kind is StreamKind.MAIN
    async with http_session() as http:
        assert SoapClient(http, SystemClock(), mode=row.auth_mode).mode is None
    with pytest.raises(Exception, match="later_kind"):
        async with database.session() as session:
            await session.execute(update(Finding).values(kind="later_kind"))
