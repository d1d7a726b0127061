"""Discovery, identification and moves of a village's cameras, and the findings about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.discovery import ws_discovery
from cameras.onboarding import adoption
from cameras.onboarding.onboarding import Onboarding, select_streams
from cameras.onboarding.survey import Survey
from cameras.onvif import media, soap
from cameras.onvif.device import DeviceInformation
from cameras.onvif.media import Profile
from cameras.registry import history
from cameras.states import AuthMode, MatchKind, StreamKind
from cameras.tables import Camera, CameraChange, Credential, DeviceSeen, Finding
from cameras.tables import Village as VillageRow
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.errors import ConflictError, NotFoundError
from health.checks import checklist
from health.checks.checklist import Item
from tests.cameras.virtual_village import (
    LOCKING,
    LOGIN,
    NET,
    PLAIN,
    PORTS,
    VirtualVillage,
)


async def test_a_village_is_met_and_identified(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN), (3, 3, PLAIN)], clip)
    assert await village.survey_counts() == {"first": 2, "new": 1}
    assert await village.identify() == {}
    assert await village.survey_counts() == {"known": 2, "new": 1}
    camera = await village.camera("v-1")
    assert camera.device is not None and camera.device["model"] == PLAIN.model and camera.device["macs"]
    assert {s.kind: (s.codec, s.width) for s in camera.streams} == {"main": ("H264", 1280), "sub": ("H264", 640)}
    assert await village.findings() == [("unknown_device", None)]
    async with village.database.reading() as session:
        changes = {c.field for c in await history.changes_of(session, "v-1")}
        met = (await session.scalars(select(DeviceSeen).order_by(DeviceSeen.address))).all()
    assert {"device.serial", "endpoint", "streams.main.url"} <= changes
    assert [(d.verdict, d.village) for d in met] == [("known", "v"), ("known", "v"), ("new", "v")]


async def test_what_is_seen_again_writes_no_history(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()

    async def count() -> int:
        async with village.database.reading() as session:
            return len(list(await history.changes_of(session, "v-1")))

    before = await count()
    await village.survey_counts()
    await village.identify()
    assert await count() == before


async def test_a_camera_is_followed_to_another_address(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()
    await village.start([(9, 1, PLAIN), (2, 2, PLAIN)], clip)
    assert await village.survey_counts() == {"moved": 1, "known": 1}
    assert (await village.camera("v-1")).address == f"{NET}.9:{PORTS[0]}"
    assert await village.identify() == {}
    async with village.database.reading() as session:
        (change,) = [c for c in await history.changes_of(session, "v-1") if c.field == "address"]
    assert (change.actor, change.old, change.new) == ("system", f"{NET}.1:{PORTS[0]}", f"{NET}.9:{PORTS[0]}")
    assert await village.survey_counts() == {"known": 2}
    assert await village.findings() == [("moved", "v-1")]  # until a person confirms it
    async with village.database.session() as session:
        row, now = await session.get_one(Camera, "v-1"), SystemClock().now()
        with pytest.raises(NotFoundError):
            await adoption.confirm_move(session, row, f"{NET}.1:{PORTS[0]}", None, now, "wang", "seen there")
        await adoption.confirm_move(session, row, f"{NET}.9:{PORTS[0]}", ("v",), now, "wang", "seen there")
        said = (await session.scalars(select(AuditRow).where(AuditRow.action == "camera.move"))).one()
    assert (said.actor, said.object) == ("wang", "v-1") and await village.findings() == []
    async with village.database.reading() as session:
        assert [c.field for c in await history.changes_of(session, "v-1")].count("address") == 1


@pytest.mark.parametrize("why", ["old_address_answers", "outside_subnets", "no_digest"])
async def test_a_move_that_may_be_a_relay_is_confirmed_by_a_person_first(
    village: VirtualVillage, clip: LoopClip, why: str
) -> None:
    """The camera's credential is not sent to the new address."""
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()
    async with village.database.session() as session:
        if why == "outside_subnets":
            (await session.get_one(VillageRow, "v")).subnets = [f"{NET}.0/30"]
        elif why == "no_digest":
            (await session.get_one(Camera, "v-1")).auth_mode = AuthMode.WSSE
    await village.start(
        [(9, 1, PLAIN), (2, 2, PLAIN), *([(1, 5, PLAIN)] if why == "old_address_answers" else [])], clip
    )
    for _ in range(2):
        assert (await village.survey_counts())[MatchKind.MOVED] == 1
    assert (await village.camera("v-1")).address == f"{NET}.1:{PORTS[0]}"
    assert ("moved", "v-1") in await village.findings()
    async with village.database.reading() as session:
        (finding,) = (await session.scalars(select(Finding).where(Finding.kind == "moved"))).all()
    assert (finding.detail["why"], finding.detail["followed"]) == (why, False)
    async with village.database.session() as session:
        row, now = await session.get_one(Camera, "v-1"), SystemClock().now()
        with pytest.raises(NotFoundError):
            await adoption.confirm_move(session, row, f"{NET}.2:{PORTS[0]}", None, now, "wang", "seen there")
        with pytest.raises(ConflictError):
            await adoption.confirm_move(session, row, f"{NET}.9:{PORTS[0]}", ("w",), now, "wang", "seen there")
        await adoption.confirm_move(session, row, f"{NET}.9:{PORTS[0]}", None, now, "wang", "seen there")
    assert (await village.camera("v-1")).address == f"{NET}.9:{PORTS[0]}"
    assert ("moved", "v-1") not in await village.findings()


async def test_cameras_that_changed_places_wait_for_a_person(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()
    await village.start([(1, 2, PLAIN), (2, 1, PLAIN)], clip)
    assert await village.survey_counts() == {"moved": 2}
    assert await village.findings() == [("moved", "v-1"), ("moved", "v-2")]
    async with village.database.session() as session:
        for camera, host in (("v-1", 2), ("v-2", 1)):
            row = await session.get_one(Camera, camera)
            await adoption.confirm_move(
                session, row, f"{NET}.{host}:{PORTS[0]}", None, SystemClock().now(), "wang", "swapped"
            )
    assert await village.survey_counts() == {"known": 2} and await village.findings() == []


async def test_a_refused_credential_is_told_and_used_no_more(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await village.start([(1, 1, LOCKING), (2, 2, PLAIN)], clip)
    crowd.members[0].access_control.users = {"minwang": ("another", "Administrator")}
    for _ in range(8):
        await village.identify()
    assert crowd.members[0].access_control.wrong_tries == 1
    assert await village.findings() == [("credential_refused", "v-1")]
    refused = await village.camera("v-1")
    assert refused.refused_at is not None
    async with village.database.reading() as session:
        listed = (await checklist.checklists(session, [refused], SystemClock().now()))["v-1"]
    told = {i.name: (i.state, i.detail) for i in listed}
    assert told[Item.REACHABLE] == ("ok", "") and told[Item.CREDENTIAL] == (
        "failed",
        "refused",
    )  # it answered with a refusal


async def test_an_open_door_is_a_finding_until_it_is_shut(village: VirtualVillage, clip: LoopClip) -> None:
    open_make = VirtualMake("Tianmu", "TM-2M", "5.7.1", frozenset({"open_access"}))
    await village.start([(1, 1, open_make), (2, 2, PLAIN)], clip)
    await village.identify()
    assert await village.findings() == [("no_authentication", "v-1")]
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.identify()
    assert await village.findings() == []
    async with village.database.reading() as session:
        assert [f.closed_by for f in await session.scalars(select(Finding))] == ["system"]


async def test_a_password_in_an_address_goes_into_the_vault(village: VirtualVillage, clip: LoopClip) -> None:
    make = next(m for m in MAKES if "rtsp_password" in m.quirks)
    async with village.database.session() as session:
        for camera in await session.scalars(select(Camera)):
            camera.credential = None
    await village.start([(1, 1, make), (2, 2, make)], clip)
    await village.identify()
    async with village.database.reading() as session:
        credential = await session.get_one(Credential, "camera-v-1")
        rows = [c.__dict__ for c in await session.scalars(select(Camera))]
        streams = [s.url for s in (await session.get_one(Camera, "v-1")).streams]
    assert credential.username == LOGIN[0] and credential.sealed and LOGIN[1] not in credential.sealed
    assert LOGIN[1] not in repr(rows) and LOGIN[1] not in repr(streams)
    assert (await village.camera("v-1")).credential == "camera-v-1"


ODD_PATH = VirtualMake("Test", "O-1", "1", frozenset(["odd_path"]))


async def test_a_service_at_another_path_is_asked_where_discovery_told(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, ODD_PATH), (2, 2, PLAIN), (3, 3, ODD_PATH)], clip)
    failed = await village.identify()
    assert "HTTP 404 Not Found at /onvif/device_service" in failed["v-1"], "nobody has met it: what it answered is told"
    assert await village.survey_counts() == {"first": 1, "known": 1, "new": 1}
    where = f"{NET}.1:{PORTS[0]}/onvif/service"
    assert (await village.camera("v-1")).address == where
    assert await village.identify() == {}
    assert await village.survey_counts() == {"known": 2, "new": 1}
    async with village.database.reading() as session:
        stranger = await session.get_one(DeviceSeen, f"{NET}.3:{PORTS[0]}")
        fields = [c.field for c in await session.scalars(select(CameraChange).where(CameraChange.camera == "v-1"))]
    assert fields.count("address") == 1 and ws_discovery.DiscoveredDevice(
        "", stranger.address, stranger.url, "", ""
    ).registry_address.endswith("/onvif/service")


async def test_a_service_that_moved_on_its_host_is_found_again(village: VirtualVillage, clip: LoopClip) -> None:
    """The camera is at an unusual path, but its stored address has only host and port, as in older registries."""
    await village.start([(1, 1, ODD_PATH)], clip)
    await village.survey_counts()
    async with village.database.session() as session:
        (await session.get_one(Camera, "v-1")).address = f"{NET}.1:{PORTS[0]}"
    assert "v-1" not in await village.identify()
    assert (await village.camera("v-1")).address == f"{NET}.1:{PORTS[0]}/onvif/service"


async def test_a_forged_hello_moves_no_service(village: VirtualVillage, clip: LoopClip) -> None:
    """A forged datagram can contain the camera's address, its public UUID and any path."""
    crowd = await village.start([(1, 1, ODD_PATH), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    forged = [
        ws_discovery.DiscoveredDevice(
            d.uuid, f"{NET}.{i}:{PORTS[0]}", f"http://{NET}.{i}:{PORTS[0]}/nothing/here", "", ""
        )
        for i, d in enumerate(crowd.members, 1)
    ]
    right = [(await village.camera(n)).address for n in ("v-1", "v-2")]
    assert right[0] == f"{NET}.1:{PORTS[0]}/onvif/service" and right[1] == f"{NET}.2:{PORTS[0]}"
    await village.survey.match_and_store(forged)  # before they are identified
    assert [(await village.camera(n)).address for n in ("v-1", "v-2")] == right
    assert await village.identify() == {}
    await village.survey.match_and_store(forged)
    assert [(await village.camera(n)).address for n in ("v-1", "v-2")] == right
    # An address with a wrong path, stored earlier or confirmed by a person, is corrected at the next identification.
    async with village.database.session() as session:
        (await session.get_one(Camera, "v-2")).address = f"{NET}.2:{PORTS[0]}/nothing/here"
    assert await village.identify() == {}
    assert [(await village.camera(n)).address for n in ("v-1", "v-2")] == right


def _profile(channel: int, width: int, height: int, *, source: bool = True, codec: str = "H264") -> Profile:
    url = f"rtsp://10.0.0.5/cam?channel={channel}&subtype={width}"
    return Profile(
        f"{channel}-{width}", "", codec, width, height, 25.0, None, url, source=f"S{channel}" if source else None
    )


@given(
    st.lists(
        st.tuples(
            st.integers(1, 12),
            st.sampled_from([(352, 288), (704, 576), (1920, 1080), (2560, 1440)]),
            st.sampled_from(["H264", "H265"]),
        ),
        min_size=1,
        max_size=36,
    ),
    st.booleans(),
)
def test_main_and_sub_are_one_channel(told: list[tuple[int, tuple[int, int], str]], sources: bool) -> None:
    profiles = [_profile(n, *size, source=sources, codec=codec) for n, size, codec in told]
    found = select_streams(profiles)
    channels = {str(p.stream_url).partition("channel=")[2].partition("&")[0] for p in found.values()}
    assert len(channels) == 1 and (found[StreamKind.MAIN].width or 0) == max(size[0] for _, size, _ in told)
    smaller = [
        p
        for p in profiles
        if p.token.partition("-")[0] in channels and (p.width or 0) < (found[StreamKind.MAIN].width or 0)
    ]
    assert ("sub" in found) == bool(smaller)


async def test_all_profiles_of_a_recorder_are_read() -> None:
    nodes = "".join(f"<Profiles token='p{i}'/>" for i in range(36))
    reply = soap.parse(f"<Envelope><Body><R>{nodes}</R></Body></Envelope>".encode())
    assert len(media._valid_profiles(reply)) == 36


async def test_one_lying_camera_keeps_nobody_from_being_met_or_identified(
    either_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL rejects values that are too long for the column or contain a NUL.

    Only the camera that sends them fails.
    """
    told = ["s", "a" * 500, "nul\x00"]

    async def answered(_client: object, url: str, _clock: object) -> DeviceInformation:
        number = int(url.partition("10.0.0.")[2].partition("/")[0])
        return DeviceInformation(
            "M", "X", profiles=[replace(_profile(1, 640, 360), stream_url=f"rtsp://h/{told[number % 3]}")]
        )

    async with either_database.session() as session:
        session.add(VillageRow(code="v", name="V", funding=[], subnets=[], boundary=[]))
        await session.flush()
        session.add_all(
            [Camera(id=f"v-{i}", name="c", village="v", address=f"10.0.0.{i}", profile={}) for i in range(6)]
        )
    monkeypatch.setattr("cameras.onboarding.onboarding.identify", answered)
    onboarding = Onboarding(either_database, None, SystemClock(), None)  # type: ignore[arg-type]
    async with either_database.reading() as session:
        cameras = (await session.scalars(select(Camera))).all()
    outcome = await onboarding.run(cameras)
    survey = Survey(either_database, SystemClock(), onboarding)
    longest, nul, good = (
        ws_discovery.DiscoveredDevice(e, f"10.0.1.{i}:80", "http://h/x", "n", "h")
        for i, e in enumerate(["u" * 300, "\x00", "b"])
    )
    await survey.match_and_store([longest, nul, good])
    async with either_database.reading() as session:
        devices = set(await session.scalars(select(DeviceSeen.address)))
        problems = {c.id: c.problem for c in await session.scalars(select(Camera)) if c.problem}
    assert "v-0" in outcome.identified and "v-3" in outcome.identified and good.address in devices
    if either_database.url.startswith("postgresql"):
        assert devices == {good.address} and set(problems) == set(outcome.failed) == {"v-1", "v-2", "v-4", "v-5"}
        assert all("response cannot be used" in str(p) and "INSERT" not in str(p) for p in problems.values())
