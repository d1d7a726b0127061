"""Events of a camera by PullPoint, with everything that real cameras do to it.

Relative addresses, ports where nobody listens, one slot only, no word on when it ends, answers at once although
nothing happened, connections cut in the middle of a pull: the loop stays polite in all of these.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cameras.onvif.addresses import repair_http
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import EVENTS
from cameras.onvif.soap import Node
from core.clock import Clock
from core.errors import CameraError, CameraUnreachable, ProtocolError
from core.tasks import spawn

LIFE_SECONDS = 120
PULL_SECONDS = 20
AT_LEAST = 1.0  # seconds between two pulls, whatever the camera does
CUTS = 3  # pulls in a row that were cut off: the subscription is made anew
LIMIT = 50
CLOSE_SECONDS = 5  # for giving a slot back; after that it ends by itself
_WSNT = "http://docs.oasis-open.org/wsn/b-2"
_WSA = "http://www.w3.org/2005/08/addressing"
_BINDING = "http://docs.oasis-open.org/wsn/bw-2"  # where the actions of WS-BaseNotification live (its WSDL)

# By what a topic ends with or holds; the first that fits.
TOPICS = (
    ("MotionAlarm", "motion"),
    ("CellMotionDetector/Motion", "motion"),
    ("MotionDetector", "motion"),
    ("FieldDetector", "motion"),
    ("GlobalSceneChange", "scene_change"),
    ("Tamper", "tamper"),
    ("ImageTooDark", "tamper"),
    ("ImageTooBright", "tamper"),
    ("ImageTooBlurry", "tamper"),
    ("StorageFailure", "storage_failure"),
    ("StorageFull", "disk_full"),
    ("DiskFull", "disk_full"),
    ("VideoLoss", "video_loss"),
)
_STATES = ("State", "IsMotion", "IsTamper", "IsSceneChange", "Failed", "Full", "IsInside", "Value", "LogicalState")


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that a camera told: a kind of ours, whether it is so now, and where in the camera."""

    kind: str
    state: bool
    source: str
    topic: str
    first: bool  # told because we have just subscribed, not because it changed


def read(reply: Node) -> list[Notification]:
    """The notifications of a PullMessages reply that we know the topic of."""
    found = []
    for node in reply.all("NotificationMessage"):
        topic = node.text("Topic") or ""
        plain = "/".join(part.rpartition(":")[2] for part in topic.split("/"))
        kind = next((k for word, k in TOPICS if word in plain), None)
        message = node.get("Message/Message") or node.get("Message")
        if kind is None or message is None:
            continue
        items = {i.attribute("Name") or "": i.attribute("Value") or "" for i in message.all("Data/SimpleItem")}
        value = next((items[n] for n in _STATES if n in items), next(iter(items.values()), "true"))
        source = next((i.attribute("Value") or "" for i in message.all("Source/SimpleItem")), "")
        first = (message.attribute("PropertyOperation") or "") == "Initialized"
        found.append(Notification(kind, value.strip().lower() in ("true", "1", "on"), source[:60], plain[:120], first))
    return found


class PullPoint:
    """One subscription."""

    def __init__(self, client: SoapClient, address: str):
        self._client = client
        self._address = address

    @classmethod
    async def open(cls, client: SoapClient, events_url: str) -> PullPoint:
        """Subscribe. Raises CameraError; ProtocolError where the camera has no slot left or no such service."""
        subscribing = spawn(cls._subscribe(client, events_url))
        try:
            return await asyncio.shield(subscribing)
        except asyncio.CancelledError:
            # The camera may have subscribed us already; only its answer says what there is to give back.
            with contextlib.suppress(CameraError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await (await subscribing).close()
            raise

    @classmethod
    async def _subscribe(cls, client: SoapClient, events_url: str) -> PullPoint:
        reply = await client.call(
            events_url,
            f'<CreatePullPointSubscription xmlns="{EVENTS}"><InitialTerminationTime>PT{LIFE_SECONDS}S</InitialTerminationTime>'
            "</CreatePullPointSubscription>",
        )
        told = reply.text("SubscriptionReference/Address")
        if not told:
            raise ProtocolError("the camera subscribed us without an address")
        return cls(client, repair_http(told, events_url))

    async def pull(self, seconds: float = PULL_SECONDS) -> list[Notification]:
        """Wait for news, at most `seconds`. A pull is never broken off: the camera would give what happens next to the
        connection that has gone. Raises CameraError."""
        seconds = self._client.pull_seconds(seconds)
        body = f'<PullMessages xmlns="{EVENTS}"><Timeout>PT{seconds:g}S</Timeout><MessageLimit>{LIMIT}</MessageLimit></PullMessages>'
        header = self._header(f"{EVENTS}/PullPointSubscription/PullMessagesRequest")
        return read(await self._client.wait_for_events(self._address, body, seconds=seconds + 10, header=header))

    async def renew(self) -> None:
        await self._call(f'<Renew xmlns="{_WSNT}"><TerminationTime>PT{LIFE_SECONDS}S</TerminationTime></Renew>')

    async def close(self) -> None:
        """Give the slot back: cameras have few."""
        await self._call(f'<Unsubscribe xmlns="{_WSNT}"/>')

    async def _call(self, body: str) -> Node:
        name = body[1:].partition(" ")[0]
        header = self._header(f"{_BINDING}/SubscriptionManager/{name}Request")
        return await self._client.call(self._address, body, header=header)

    def _header(self, action: str) -> str:
        """WS-Addressing 1.0: what expects an answer has a MessageID (3.3)."""
        return (
            f'<Action xmlns="{_WSA}">{action}</Action>'
            f'<MessageID xmlns="{_WSA}">urn:uuid:{uuid.uuid4()}</MessageID>'
            f'<To xmlns="{_WSA}">{escape(self._address)}</To>'
        )


async def follow(
    client: SoapClient, events_url: str, clock: Clock, tell: Callable[[list[Notification]], Awaitable[None]]
) -> None:
    """Subscribe and tell what comes, until cancelled or the camera fails. Raises CameraError.

    A camera that cuts pulls off is subscribed to anew; one that answers at once is asked once a second.
    """
    point = await PullPoint.open(client, events_url)
    renewed, cuts = clock.monotonic(), 0
    try:
        await tell([])  # it listens, also where nothing happens
        while True:
            began = clock.monotonic()
            if began - renewed > LIFE_SECONDS / 3:
                renewed = began
                try:
                    await point.renew()
                except ProtocolError:  # some know no Renew: a new subscription is as good
                    point = await _again(client, events_url, point)
            try:
                news = await point.pull()
                cuts = 0
            except CameraUnreachable:
                cuts += 1
                if cuts >= CUTS:
                    raise
                news = []
            if news:
                await tell(news)
            await asyncio.sleep(max(0.0, AT_LEAST - (clock.monotonic() - began)))
    finally:
        await _close(point)


async def _again(client: SoapClient, events_url: str, old: PullPoint) -> PullPoint:
    await _close(old)
    return await PullPoint.open(client, events_url)


async def _close(point: PullPoint) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await point.close()
    except (CameraError, TimeoutError):
        pass  # it ends by itself
