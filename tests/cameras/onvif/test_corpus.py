"""Recorded replies of real cameras: parsed without loss, compared with zeep, and replayed with damage."""

from __future__ import annotations

import asyncio
import logging
import random
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import onvif
import pytest
import zeep
from aiohttp import web
from lxml import etree

from cameras.onvif import soap, wsdl_requests
from cameras.onvif.client import SoapClient
from cameras.onvif.device import DeviceInformation, identify
from cameras.onvif.namespaces import DEVICE, EVENTS, MEDIA, PTZ
from cameras.virtual.dialects import apply_quirks
from core.clock import SystemClock
from core.errors import CameraError, ProtocolError
from tests.conftest import ONVIF_REPLIES

pytestmark = pytest.mark.skipif(
    not ONVIF_REPLIES.is_dir(), reason=f"recorded replies are not here: {ONVIF_REPLIES} is missing"
)
MAKERS = ("axis", "hikvision", "hikvision-fixed")
SERVICES = {"core": DEVICE, "media": MEDIA, "ptz": PTZ, "events": EVENTS}
# Replies that are multipart or empty; zeep cannot parse them either.
NOT_SOAP = {"GetSystemLog", "GetSystemBackup", "GetSystemSupportInformation"}
CLOCK = SystemClock()


def replies() -> list[Path]:
    return sorted(ONVIF_REPLIES.rglob("*.Response.xml")) if ONVIF_REPLIES.is_dir() else []


def leaves(element: Any) -> Counter[tuple[str, str]]:
    """Count (name, text) of leaf elements and (name, value) of attributes."""
    found: Counter[tuple[str, str]] = Counter()
    for node in element.iter():
        name = str(node.tag).rpartition("}")[2]
        if (text := (node.text or "").strip()) and len(node) == 0:
            found[name, text] += 1
        found.update((str(k).rpartition("}")[2], str(v)) for k, v in node.attrib.items())
    return found


def strictly(path: Path) -> Any:
    """Parse a reply with a strict XML parser; return None if it is not XML."""
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError:
        return None
    return next((c for b in root if b.tag.endswith("}Body") for c in b), None)


def test_every_reply_is_read_without_loss() -> None:
    read, left = 0, set[str]()
    for path in replies():
        wanted = strictly(path)
        try:
            node = soap.parse(path.read_bytes())
        except ProtocolError:
            left.add(path.name.partition(".")[0])
            assert wanted is None, f"{path} is good XML and was refused"
            continue
        read += 1
        if wanted is not None:
            assert leaves(node._element) == leaves(wanted), path
    assert read >= 165 and left <= NOT_SOAP


def test_what_zeep_reads_we_read_and_where_it_does_not_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with zeep as an independent parser: every value that it finds is in our tree."""
    clients = {
        n: zeep.Client(
            str(Path(onvif.__file__).parent / "wsdl" / wsdl_requests._DOCUMENTS[n][0]),
            settings=zeep.Settings(strict=False),
        )
        for n in (DEVICE, MEDIA, PTZ)
    }
    # it logs an error about '30' as a duration
    monkeypatch.setattr(logging.getLogger("zeep.xsd.types.simple"), "disabled", True)
    compared, unreadable, unknown = 0, set[str](), set[str]()
    for path in replies():
        namespace = SERVICES.get(path.parent.name)
        if namespace not in clients:
            continue
        name = path.name.partition(".")[0]
        client = clients[namespace]
        try:
            operation = client.create_service(
                f"{{{namespace}}}{wsdl_requests._DOCUMENTS[namespace][1]}", "http://x/"
            )._binding.get(name)
        except ValueError:
            unknown.add(name)
            continue
        try:
            told = operation.process_reply(etree.fromstring(path.read_bytes()))
        except (zeep.exceptions.Error, etree.XMLSyntaxError, ValueError, AttributeError, TypeError):
            unreadable.add(name)
            continue
        ours = Counter({text for _, text in leaves(soap.parse(path.read_bytes())._element)})
        missing = [v for v in _values(zeep.helpers.serialize_object(told)) if not _among(v, ours)]
        assert missing == [], f"{path}: {missing[:5]}"
        compared += 1
    assert compared >= 100
    assert unreadable <= NOT_SOAP, unreadable


def _values(told: Any) -> Iterator[Any]:
    if isinstance(told, dict):
        for value in told.values():
            yield from _values(value)
    elif isinstance(told, (list, tuple)):
        for value in told:
            yield from _values(value)
    elif isinstance(told, (str, int, float, bool)) and told not in (None, ""):
        yield told


def _among(value: Any, ours: Counter[str]) -> bool:
    """Return whether a value with zeep's type occurs among the texts as the camera wrote them."""
    if isinstance(value, bool):
        return any(t.lower() in (("true", "1") if value else ("false", "0")) for t in ours)
    if isinstance(value, (int, float)):
        return any(_number(t) == value for t in ours)
    return value.strip() in ours or " ".join(value.split()) in {" ".join(t.split()) for t in ours}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Replay:
    """A server that answers like a recorded camera, with the bytes of each reply changed by `mutate`."""

    def __init__(self, maker: str):
        self.files = {p.name.partition(".")[0]: p.read_bytes() for p in (ONVIF_REPLIES / maker).rglob("*.Response.xml")}
        self.mutate: Callable[[str, bytes, web.Request], Any] = lambda _name, body, _request: body
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = soap.parse(await request.read()).name
        body = self.files.get(name)
        if body is None:
            return web.Response(
                status=500,
                text="<Envelope><Body><Fault><faultstring>no such thing</faultstring></Fault></Body></Envelope>",
            )
        body = self.mutate(name, body, request)
        if asyncio.iscoroutine(body):
            body = await body
        if body is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return web.Response(body=body, content_type="application/soap+xml")


@pytest.fixture(params=MAKERS)
async def replay(request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    made = await asyncio.to_thread(Replay, request.param)
    app = web.Application()
    app.router.add_post("/{any:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/onvif/device_service"
    yield made
    await runner.cleanup()


async def _ask(replay: Replay, http: aiohttp.ClientSession) -> DeviceInformation:
    found = await identify(SoapClient(http, CLOCK), replay.url, CLOCK)
    found.time = found.clock_offset = None
    return found


def _canonical(body: bytes) -> str:
    """Return the body in an envelope with the prefix that `spoken` expects."""
    root = etree.fromstring(body)
    content = next(c for b in root if etree.QName(b).localname == "Body" for c in b)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        + etree.tostring(content, encoding="unicode", with_tail=False)
        + "</s:Body></s:Envelope>"
    )


HARMLESS = ["reordered", "unknown_elements", "wrong_namespace", "gbk", "soap11", "bom", "multipart"]


@pytest.mark.parametrize("quirk", HARMLESS)
async def test_a_dialect_changes_nothing(replay: Replay, http: aiohttp.ClientSession, quirk: str) -> None:
    plain = await _ask(replay, http)
    assert plain.model and plain.profiles and all(p.stream_url for p in plain.profiles)
    replay.mutate = lambda _name, body, _request: apply_quirks(_canonical(body), [quirk])[0]
    told = await _ask(replay, http)
    assert (told.manufacturer, told.model, told.serial, told.services) == (
        plain.manufacturer,
        plain.model,
        plain.serial,
        plain.services,
    )
    assert {p.token: p for p in told.profiles} == {p.token: p for p in plain.profiles}


DAMAGES: dict[str, Callable[[random.Random, bytes], bytes | None]] = {
    "cut short": lambda r, b: b[: r.randrange(len(b))],
    "bits turned": lambda r, b: bytes(x ^ (1 << r.randrange(8)) if r.random() < 0.01 else x for x in b),
    "closed": lambda _r, _b: None,
    "empty": lambda _r, _b: b"",
    "a page": lambda _r, _b: b"<html><body>Please log in</body></html>",
    "huge": lambda _r, b: b + b" " * 1_200_000,
    "doubled": lambda _r, b: b + b,
    "a bomb": lambda _r, b: (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + b.replace(b"><", b">&b;<")
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_ends_in_a_sentence_or_in_the_truth(
    replay: Replay, http: aiohttp.ClientSession, damage: str
) -> None:
    """Some replies are damaged: the result is a CameraError or contains only true values."""
    plain = await _ask(replay, http)
    for seed in range(6):
        rng = random.Random(seed)
        replay.mutate = lambda _name, body, _request, rng=rng: (
            DAMAGES[damage](rng, body) if rng.random() < 0.4 else body
        )  # type: ignore[misc]
        try:
            async with asyncio.timeout(30):
                told = await _ask(replay, http)
        except CameraError:
            continue
        if damage != "bits turned":  # a flipped bit in a name cannot be detected
            assert told.model in ("", plain.model) and {p.token for p in told.profiles} <= {
                p.token for p in plain.profiles
            }
        assert all(
            (p.stream_url or "rtsp://127.0.0.1").startswith(("rtsp://127.0.0.1", "rtsps://127.0.0.1"))
            for p in told.profiles
        )


async def test_a_slow_camera_meets_the_deadline(
    replay: Replay, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SoapClient.call.__kwdefaults__ or {}, "seconds", 0.3)  # default timeout of every call

    ended = asyncio.Event()

    async def late(body: bytes) -> bytes:
        await ended.wait()
        return body

    replay.mutate = lambda _name, body, _request: late(body)
    with pytest.raises(CameraError, match="no ONVIF answer: timed out"):
        await _ask(replay, http)
    ended.set()
