"""Events from cameras, with all quirks of their PullPoint services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.onvif import pull_point, soap
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE
from cameras.onvif.pull_coordination import SHORT_PULL_S, SHORT_PULLS_AFTER_REQUEST_S
from cameras.upkeep.event_subscriptions import FAILURES_BEFORE_FINDING, EventSubscriptions, Failures
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.virtual_cameras import VirtualCameras
from core.clock import ManualClock, SystemClock
from core.errors import CameraUnreachable, ProtocolError
from core.events import Event
from core.tasks import spawn
from tests.cameras.virtual_village import LOGIN, NET, VirtualVillage
from tests.waiting import eventually


@pytest.fixture
async def subscriptions(village: VirtualVillage) -> AsyncIterator[EventSubscriptions]:
    made = EventSubscriptions(village.database, SystemClock(), village.onboarding)
    yield made
    await made.close()


async def _start(village: VirtualVillage, clip: LoopClip, *quirks: str) -> tuple[VirtualCameras, OnvifService]:
    crowd = await village.start([(1, 1, VirtualMake("Test", "E-1", "1", frozenset(quirks))), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    return crowd, crowd.services[f"{NET}.1"]


async def _kinds(village: VirtualVillage) -> list[str]:
    async with village.database.reading() as session:
        query = select(Event.kind).where(
            Event.camera == "v-1", Event.kind.in_(["camera.motion", "camera.tamper", "camera.storage_failure"])
        )
        return list(await session.scalars(query.order_by(Event.id)))


def _pull_times(service: OnvifService) -> list[float]:
    """Return a list that gets the time of each pull as it reaches the camera."""
    times, pull = list[float](), service.events.pull

    async def record(*arguments: Any) -> str:
        times.append(asyncio.get_running_loop().time())
        return await pull(*arguments)

    service.events.pull = record  # type: ignore[assignment]
    return times


QUIRKS = [
    [],
    ["relative_subscription"],
    ["returns_at_once"],
    ["one_slot"],
    ["no_termination_time"],
    ["wrong_event_namespace"],
    ["drops_pull"],
    ["undeclared_prefix"],
    ["reordered"],
    ["closes_silently"],
    ["wsse_only", "no_termination_time"],
    ["single_threaded"],
]


@pytest.mark.parametrize("quirks", QUIRKS, ids=lambda q: "+".join(q) or "plain")
async def test_motion_and_a_failing_card_arrive(
    village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions, quirks: list[str]
) -> None:
    _, service = await _start(village, clip, *quirks)
    await subscriptions.reconcile()

    async def subscribed() -> bool:
        return bool(service.events.subscriptions)

    await eventually(subscribed)
    service.events.emit("motion", True)
    service.events.emit("storage_failure", True)

    async def arrived() -> bool:
        return set(await _kinds(village)) == {"camera.motion", "camera.storage_failure"}

    await eventually(arrived)
    assert await village.findings() == [("storage_failure", "v-1")]
    service.events.emit("motion", False)
    service.events.emit("motion", True)  # within five minutes: no second event row
    service.events.emit("storage_failure", False)

    async def mended() -> bool:
        return await village.findings() == []

    await eventually(mended)
    assert (await _kinds(village)).count("camera.motion") == 1


async def test_slots_are_given_back(village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions) -> None:
    crowd, service = await _start(village, clip, "one_slot")
    for _ in range(3):
        await subscriptions.reconcile()

        async def subscribed() -> bool:
            return len(service.events.subscriptions) == 1

        await eventually(subscribed)
        await subscriptions.close()
        assert service.events.subscriptions == {}
    assert len(crowd.members) == 2


async def test_a_slot_is_given_back_before_its_answer_has_come(
    village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions
) -> None:
    _, service = await _start(village, clip, "one_slot")
    # Cancel after different numbers of event loop iterations since the camera created the subscription.
    for later in range(12):
        await subscriptions.reconcile()
        async with asyncio.timeout(10):
            while not service.events.subscriptions:
                await asyncio.sleep(0)
        for _ in range(later * later):
            await asyncio.sleep(0)
        await subscriptions.close()
        assert service.events.subscriptions == {}, later


async def test_a_camera_that_returns_at_once_is_not_hammered(
    village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions
) -> None:
    _, service = await _start(village, clip, "returns_at_once")
    pulls = _pull_times(service)
    await subscriptions.reconcile()
    await eventually(lambda: len(pulls) >= 4)
    assert pulls[3] - pulls[0] >= 2.0  # one pull per second


async def test_an_event_service_that_is_not_there_is_left_alone(
    village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions, caplog: pytest.LogCaptureFixture
) -> None:
    _, service = await _start(village, clip, "claims_events")
    before = service.calls
    caplog.set_level("INFO")
    await subscriptions.reconcile()
    await eventually(lambda: "v-1: events: " in caplog.text)  # the first attempt has failed
    await subscriptions.reconcile()
    assert service.calls - before <= 4
    assert await _kinds(village) == []


async def test_a_long_pull_holds_up_nobody_and_loses_nothing(
    village: VirtualVillage, clip: LoopClip, subscriptions: EventSubscriptions
) -> None:
    """A PTZ command does not wait for the end of a 20 s pull, and an event during the command is not lost.

    A cancelled pull would lose it: the virtual camera sends it to the dead connection, as real ones do.
    """
    _, service = await _start(village, clip)
    pulls = _pull_times(service)
    await subscriptions.reconcile()
    await eventually(lambda: pulls)  # it waits at the camera
    client = await village.onboarding.clients.get(await village.camera("v-1"))
    began = asyncio.get_running_loop().time()
    for _ in range(5):
        await client.call(service.device.service, f'<GetHostname xmlns="{DEVICE}"/>')
    assert asyncio.get_running_loop().time() - began < 2
    assert client.companion().pull_seconds(20) == SHORT_PULL_S  # while somebody operates the camera
    service.events.emit("motion", True)

    async def arrived() -> bool:
        return await _kinds(village) == ["camera.motion"]

    await eventually(arrived)


class _SerialCamera:
    """A client with scripted replies and a manual clock; `pulls` is its companion."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.client = SoapClient(None, self.clock)  # type: ignore[arg-type]
        self.pulls = self.client.companion()
        self.answered = asyncio.Event()  # set when the pull is answered
        self.gone = False

    async def pull(self) -> asyncio.Task[object]:
        async def answer(*_: object) -> object:
            await self.answered.wait()
            if self.gone:
                raise CameraUnreachable("gone")
            return None

        self.pulls._call = answer  # type: ignore[method-assign, assignment]
        waiting = spawn(self.pulls.wait_for_events("http://camera/", "<PullMessages/>", seconds=30.0, header=""))
        await asyncio.sleep(0)
        return waiting

    async def command(self, seconds: float, *, pull_ends: bool = False, fails: bool = False) -> None:
        async def answer(*_: object) -> object:
            self.clock.advance(seconds)
            if pull_ends:
                self.answered.set()
                await asyncio.sleep(0.01)
            if fails:
                raise CameraUnreachable("cut off")
            return None

        self.client._call = answer  # type: ignore[method-assign, assignment]
        await self.client.call("http://camera/", "<Stop/>")

    def pull_seconds(self) -> float:
        """Return the pull time long after the last other request."""
        self.clock.advance(SHORT_PULLS_AFTER_REQUEST_S + 1)
        return self.pulls.pull_seconds(20)


@pytest.mark.parametrize(
    ("seconds", "pull_ends", "short"), [(0.2, False, False), (0.2, True, False), (15.0, True, True)]
)
async def test_a_camera_that_answers_one_at_a_time_is_pulled_shortly(
    seconds: float, pull_ends: bool, short: bool
) -> None:
    camera = _SerialCamera()
    waiting = await camera.pull()
    await camera.command(seconds, pull_ends=pull_ends)
    camera.answered.set()
    await waiting
    assert camera.pull_seconds() == (SHORT_PULL_S if short else 20)
    camera.clock.advance(3600)
    assert camera.pulls.pull_seconds(20) == 20, "it is looked at anew"


@pytest.mark.parametrize("gone", [False, True], ids=["cut off beside a pull", "gone altogether"])
async def test_a_camera_that_is_gone_is_not_taken_for_one_that_cuts_off(gone: bool) -> None:
    camera = _SerialCamera()
    waiting = await camera.pull()
    with pytest.raises(CameraUnreachable):
        await camera.command(0.1, fails=True)
    camera.gone = gone
    camera.answered.set()
    await asyncio.gather(waiting, return_exceptions=True)
    assert camera.pull_seconds() == (20 if gone else SHORT_PULL_S)


async def test_a_command_is_not_late_of_a_camera_that_answers_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command waits for a short pull and fails during a long one: a dome must not turn when nobody watches."""
    monkeypatch.setattr("cameras.onvif.pull_coordination.SHORT_PULL_S", 0.05)
    camera = _SerialCamera()
    camera.client._pulls.mark_serial()
    waiting = await camera.pull()
    with pytest.raises(CameraUnreachable, match="one request at a time"):
        await camera.command(0.0)
    camera.answered.set()
    await waiting
    await camera.command(0.0)


async def test_a_refusal_counts_for_both_lines() -> None:
    camera = _SerialCamera()
    camera.pulls.refused = True
    assert camera.client.refused


async def test_subscriptions_are_renewed_and_given_back_as_the_standard_says(
    village: VirtualVillage, clip: LoopClip
) -> None:
    """Servers that dispatch by WS-Addressing require the actions of the WS-BaseNotification WSDL and a MessageID."""
    _, service = await _start(village, clip)
    sent: list[bytes] = []
    client = SoapClient(
        village.http, SystemClock(), LOGIN, listener=lambda _url, request, _status, _reply: sent.append(request)
    )
    point = await pull_point.PullPoint.open(client, f"{service.device.service.rpartition('/')[0]}/event_service")
    sent.clear()
    await point.renew()
    await point.close()
    texts = [b.decode() for b in sent]
    for operation in ("Renew", "Unsubscribe"):
        (request,) = {t for t in texts if f"<{operation} " in t and "Security" not in t} or {
            t for t in texts if f"<{operation} " in t
        }
        assert f">http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/{operation}Request</Action>" in request
        assert re.search(r"<MessageID [^>]*>urn:uuid:[0-9a-f-]{36}</MessageID>", request)


def test_the_first_retry_comes_after_5_s_and_the_finding_after_a_quarter_of_an_hour() -> None:
    """The first delay used to be 30 s, and six failures took 26 minutes."""
    failures, delays = Failures(), list[float]()
    for _ in range(FAILURES_BEFORE_FINDING + 1):
        failures.record(ProtocolError("no event service"))
        delays.append(failures.delay_s)
    assert delays == [5, 30, 60, 300, 600, 600, 600]
    assert sum(delays[: FAILURES_BEFORE_FINDING - 1]) == 995


def test_a_camera_that_does_not_answer_is_tried_every_30_s_and_is_no_finding() -> None:
    failures, delays = Failures(), list[float]()
    for _ in range(8):
        failures.record(CameraUnreachable("no answer"))
        delays.append(failures.delay_s)
    assert delays == [5, *[30] * 7] and failures.service < FAILURES_BEFORE_FINDING


def test_a_known_topic_in_any_dress_is_read() -> None:
    body = (
        "<x:NotificationMessage xmlns:x='odd'><x:Topic>tns1:RuleEngine/CellMotionDetector/Motion</x:Topic>"
        "<x:Message><tt:Message><tt:Data><tt:SimpleItem Value='true' Name='IsMotion'/></tt:Data></tt:Message>"
        "</x:Message></x:NotificationMessage>"
    )
    (news,) = pull_point.read(soap.parse(f"<Envelope><Body><R>{body}</R></Body></Envelope>".encode()))
    assert (news.kind, news.state, news.first) == ("motion", True, False)


@given(st.text(max_size=200) | st.text("<>/:a1 ='&", max_size=40))
@example("<:")
@example("<a:1/>")
def test_no_notification_breaks_the_reader(text: str) -> None:
    try:
        node = soap.parse(
            f"<Envelope><Body><R><NotificationMessage>{text}</NotificationMessage></R></Body></Envelope>".encode()
        )
    except ProtocolError:
        return
    pull_point.read(node)
