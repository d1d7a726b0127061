"""Exposed services, reminders, privacy masks and account rotation."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from cameras.records import CameraProfile, Point
from cameras.registry import findings
from cameras.tables import Camera, CameraChange, Credential, Policy
from cameras.upkeep import reminders
from cameras.upkeep.config_compliance import SettingState, masks_cover
from cameras.upkeep.credential_rotation import ACCOUNT_NAMES, CredentialRotation
from cameras.upkeep.exposure_scan import ExposureScan
from cameras.virtual.clip import LoopClip
from core.clock import ManualClock, SystemClock
from tests.cameras.upkeep.test_config_compliance import _start, run_compliance
from tests.cameras.virtual_village import NET, VirtualVillage
from tests.conftest import ROOT

DAY = 86400.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
TELNET, TLS, UPNP = 18023, 18443, 11900
HOST = f"{NET}.1"


class Upnp(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"M-SEARCH"):
            self.transport.sendto(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n", addr)


def _context(folder: Path) -> ssl.SSLContext:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        made.serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file = folder / "both.pem"
    file.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@asynccontextmanager
async def _serving(port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    server = await asyncio.start_server(lambda _, w: w.close(), HOST, port, ssl=context)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def test_open_doors_are_findings_until_they_are_shut(village: VirtualVillage, tmp_path: Path) -> None:
    doors = ExposureScan(village.database, SystemClock(), telnet=(TELNET,), tls=TLS, upnp=UPNP)
    first, second = await asyncio.to_thread(_context, tmp_path), await asyncio.to_thread(_context, tmp_path)
    upnp, _ = await asyncio.get_running_loop().create_datagram_endpoint(Upnp, local_addr=(HOST, UPNP))
    async with _serving(TELNET), _serving(TLS, first):
        seen = await doors.run_once()
        assert seen["v-1"].telnet == [TELNET] and seen["v-1"].upnp and seen["v-1"].certificate
        assert seen["v-2"].telnet == [] and not seen["v-2"].upnp
    assert await village.findings() == [("open_telnet", "v-1"), ("open_upnp", "v-1")]
    upnp.close()
    async with _serving(TLS, first):
        await doors.run_once()
    assert await village.findings() == []
    async with _serving(TLS, second):
        await doors.run_once()
        await doors.run_once()
    assert await village.findings() == [("certificate_changed", "v-1")]
    async with _serving(TLS):  # a port without TLS does not change the known certificate
        await doors.run_once()
    assert (await village.camera("v-1")).certificate is not None


async def test_papers_that_fall_due(village: VirtualVillage) -> None:
    clock = ManualClock(datetime.datetime(2026, 3, 20, tzinfo=datetime.timezone.utc))

    async def set_papers(profile: CameraProfile) -> None:
        async with village.database.session() as session:
            camera = await session.get_one(Camera, "v-1")
            camera.profile = profile

    async def look() -> list[tuple[str, str | None]]:
        await reminders.update_reminders(village.database, clock, SHANGHAI)
        return await village.findings()

    await set_papers({"in_use_since": "2026-03-01", "warranty_until": "2026-05-30", "contract_until": "2026-06-30"})
    assert await look() == []
    clock.advance(1 * DAY)
    assert await look() == [("filing_due", "v-1")]
    clock.advance(50 * DAY)
    assert await look() == [("contract_ends", "v-1"), ("filing_due", "v-1"), ("warranty_ends", "v-1")]
    await set_papers({"in_use_since": "2026-03-01", "filing_no": "甬公备 1", "contract_until": "2026-06-30"})
    assert await look() == [("contract_ends", "v-1")]
    clock.advance(90 * DAY)
    assert await look() == [("contract_ends", "v-1")], "a contract that is over leaves nobody to mend"


MASK: list[Point] = [(0.1, 0.1), (0.4, 0.1), (0.4, 0.3), (0.2, 0.4)]


@pytest.mark.parametrize(
    ("quirk", "state"),
    [
        ("media1", "refused"),
        ("media2_only", "set"),
        ("rounds", "set"),
        ("no_masks", "refused"),
        ("ignores_sets", "ignored"),
    ],
)
async def test_masks_are_written_into_the_camera(
    village: VirtualVillage, clip: LoopClip, quirk: str, state: str
) -> None:
    crowd = await _start(village, clip, *({quirk, "media2_only"} if quirk != "media1" else ()), rules={})
    async with village.database.session() as session:
        camera = await session.get_one(Camera, "v-1")
        camera.profile = camera.profile | {"masks": [MASK]}
    deeds = (await run_compliance(village, "v-1"))["v-1"].results
    assert [(d.setting, d.state) for d in deeds] == [("masks", state)]
    assert len(crowd.members[0].masks) == (state == "set")
    again = (await run_compliance(village, "v-1"))["v-1"].results
    assert again[0].state == ("ok" if state == "set" else "unsupported")
    # A deleted mask is reported and written again at the next check.
    if state == "set":
        crowd.members[0].masks.clear()
        assert (await run_compliance(village, "v-1", write=False))["v-1"].of(SettingState.DRIFT) == ["masks"]
        assert (await run_compliance(village, "v-1"))["v-1"].of(SettingState.SET) == ["masks"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8))
def test_a_polygon_hides_itself_and_the_whole_picture_hides_it(polygon: list[tuple[float, float]]) -> None:
    whole = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    assert masks_cover([polygon], [polygon]) and masks_cover([polygon], [whole])
    assert not masks_cover([whole], [[(x / 2, y) for x, y in whole]])


async def test_accounts_change_when_their_time_has_come(village: VirtualVillage, clip: LoopClip) -> None:
    await _start(village, clip, rules={"account_days": 30})
    clock = ManualClock(SystemClock().now())
    rotation = CredentialRotation(
        village.database, village.vault, clock, village.onboarding, village.http, village.folder
    )

    async def account(number: str) -> str:
        async with village.database.reading() as session:
            credential = (await session.get_one(Camera, number)).credential
            return (await session.get_one(Credential, credential)).username

    # the first rotation creates the account; `most` limits the cameras per day
    assert await rotation.run_once(limit=1) == ["v-1"]
    assert await rotation.run_once() == ["v-2"] and await rotation.run_once() == []
    assert await account("v-1") == ACCOUNT_NAMES[0]
    clock.advance(31 * DAY)
    assert await rotation.run_once() == ["v-1", "v-2"] and await account("v-1") == ACCOUNT_NAMES[1]
    async with village.database.session() as session:
        await session.execute(delete(CameraChange).where(CameraChange.field == "account", CameraChange.camera == "v-2"))
        await session.execute(delete(Policy))
    assert await rotation.run_once() == [], "no policy asks for it"
    assert not [f for f in await village.findings() if f[0] == "credential_refused"]


async def test_a_camera_that_accepts_no_account_does_not_block_the_others(
    village: VirtualVillage, clip: LoopClip
) -> None:
    """Failing cameras used to sort first in every run: enough of them used up the limit for ever."""
    crowd = await _start(village, clip, rules={"account_days": 30})
    crowd.members[0].quirks = frozenset({"user_limit"})
    clock = ManualClock(SystemClock().now())
    rotation = CredentialRotation(
        village.database, village.vault, clock, village.onboarding, village.http, village.folder
    )
    done = []
    for _ in range(3):
        done.append(await rotation.run_once(limit=1))
        clock.advance(DAY)
    assert done == [[], ["v-2"], []]


async def test_every_finding_has_its_word(village: VirtualVillage) -> None:
    for language in ("zh-CN", "en"):
        text = await asyncio.to_thread((ROOT / f"web/console/src/cameras/messages.{language}.json").read_text)
        words = json.loads(text)["kind"]
        assert set(words) == set(findings.KINDS)
    other_release: Any = "a_kind_of_another_release"
    async with village.database.session() as session:
        with pytest.raises(ValueError, match="kinds of findings"):
            await findings.open_or_update(
                session, SystemClock().now(), other_release, findings.FindingSubject(None, "a", None)
            )
