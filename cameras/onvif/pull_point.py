"""Receive a camera's events by PullPoint subscription.

The loop tolerates what real cameras do: relative addresses, ports on which nobody listens, only one subscription slot,
no termination time, immediate answers without an event, connections closed during a pull. It never sends pulls faster
than one per second.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

from cameras.onvif.addresses import repair_http
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import EVENTS
from cameras.onvif.soap import Node
from core.clock import Clock
from core.errors import CameraError, CameraUnreachable, ProtocolError
from core.tasks import spawn

SUBSCRIPTION_S = 120
PULL_S = 20
MIN_PULL_INTERVAL_S = 1.0  # minimum seconds between two pulls
MAX_INTERRUPTED_PULLS = 3  # interrupted pulls in a row after which `follow` gives up
MESSAGE_LIMIT = 50
CLOSE_TIMEOUT_S = 5  # for unsubscribing; after that the subscription expires by itself
_WSNT = "http://docs.oasis-open.org/wsn/b-2"
_WSA = "http://www.w3.org/2005/08/addressing"
_BINDING = "http://docs.oasis-open.org/wsn/bw-2"  # namespace of the WS-BaseNotification WSDL, prefix of its actions


class NotificationKind(StrEnum):
    """What a camera reports; the event rows are named camera.<kind>."""

    MOTION = "motion"
    SCENE_CHANGE = "scene_change"
    TAMPER = "tamper"
    STORAGE_FAILURE = "storage_failure"
    DISK_FULL = "disk_full"
    VIDEO_LOSS = "video_loss"


# Our event kind by a part of the topic; the first match counts.
TOPICS = (
    ("MotionAlarm", NotificationKind.MOTION),
    ("CellMotionDetector/Motion", NotificationKind.MOTION),
    ("MotionDetector", NotificationKind.MOTION),
    ("FieldDetector", NotificationKind.MOTION),
    ("GlobalSceneChange", NotificationKind.SCENE_CHANGE),
    ("Tamper", NotificationKind.TAMPER),
    ("ImageTooDark", NotificationKind.TAMPER),
    ("ImageTooBright", NotificationKind.TAMPER),
    ("ImageTooBlurry", NotificationKind.TAMPER),
    ("StorageFailure", NotificationKind.STORAGE_FAILURE),
    ("StorageFull", NotificationKind.DISK_FULL),
    ("DiskFull", NotificationKind.DISK_FULL),
    ("VideoLoss", NotificationKind.VIDEO_LOSS),
)
_STATES = ("State", "IsMotion", "IsTamper", "IsSceneChange", "Failed", "Full", "IsInside", "Value", "LogicalState")


@dataclass(frozen=True, slots=True)
class Notification:
    """An event from a camera: our event kind, whether it is active now, and its source inside the camera."""

    kind: NotificationKind
    state: bool
    source: str
    topic: str
    first: bool  # initial state sent after subscribing (PropertyOperation Initialized), not a change


def read(reply: Node) -> list[Notification]:
    """Return the notifications of a PullMessages reply whose topic we know."""
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
    """One PullPoint subscription."""

    def __init__(self, client: SoapClient, address: str):
        self._client = client
        self._address = address

    @classmethod
    async def open(cls, client: SoapClient, events_url: str) -> PullPoint:
        """Subscribe. Raises CameraError; ProtocolError if the camera has no free slot or no event service."""
        subscribing = spawn(cls._subscribe(client, events_url))
        try:
            return await asyncio.shield(subscribing)
        except asyncio.CancelledError:
            # The camera may already have created the subscription; only its answer holds the address to unsubscribe.
            with contextlib.suppress(CameraError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await (await subscribing).close()
            raise

    @classmethod
    async def _subscribe(cls, client: SoapClient, events_url: str) -> PullPoint:
        reply = await client.call(
            events_url,
            f'<CreatePullPointSubscription xmlns="{EVENTS}">'
            f"<InitialTerminationTime>PT{SUBSCRIPTION_S}S</InitialTerminationTime></CreatePullPointSubscription>",
        )
        address = reply.text("SubscriptionReference/Address")
        if not address:
            raise ProtocolError("the camera created a subscription without an address")
        return cls(client, repair_http(address, events_url))

    async def pull(self, seconds: float = PULL_S) -> list[Notification]:
        """Wait at most `seconds` for events. Raises CameraError.

        A pull is never cancelled early: the camera would send the next event to the closed connection.
        """
        seconds = self._client.pull_seconds(seconds)
        body = (
            f'<PullMessages xmlns="{EVENTS}"><Timeout>PT{seconds:g}S</Timeout>'
            f"<MessageLimit>{MESSAGE_LIMIT}</MessageLimit></PullMessages>"
        )
        header = self._header(f"{EVENTS}/PullPointSubscription/PullMessagesRequest")
        return read(await self._client.wait_for_events(self._address, body, seconds=seconds + 10, header=header))

    async def renew(self) -> None:
        await self._call(f'<Renew xmlns="{_WSNT}"><TerminationTime>PT{SUBSCRIPTION_S}S</TerminationTime></Renew>')

    async def close(self) -> None:
        """Unsubscribe: cameras have few slots."""
        await self._call(f'<Unsubscribe xmlns="{_WSNT}"/>')

    async def _call(self, body: str) -> Node:
        name = body[1:].partition(" ")[0]
        header = self._header(f"{_BINDING}/SubscriptionManager/{name}Request")
        return await self._client.call(self._address, body, header=header)

    def _header(self, action: str) -> str:
        """Return the WS-Addressing 1.0 headers; a request that expects a reply needs a MessageID (section 3.3)."""
        return (
            f'<Action xmlns="{_WSA}">{action}</Action>'
            f'<MessageID xmlns="{_WSA}">urn:uuid:{uuid.uuid4()}</MessageID>'
            f'<To xmlns="{_WSA}">{escape(self._address)}</To>'
        )


async def receive_events(
    client: SoapClient, events_url: str, clock: Clock, handle: Callable[[list[Notification]], Awaitable[None]]
) -> None:
    """Subscribe and pass events to `handle` until cancelled. Raises CameraError when the camera fails.

    Raises CameraUnreachable after MAX_INTERRUPTED_PULLS interrupted pulls in a row; the caller subscribes again. A
    camera that answers at once is polled once a second.
    """
    point = await PullPoint.open(client, events_url)
    renewed, interrupted = clock.monotonic(), 0
    try:
        await handle([])  # reports the working subscription even if no event occurs
        while True:
            began = clock.monotonic()
            if began - renewed > SUBSCRIPTION_S / 3:
                renewed = began
                try:
                    await point.renew()
                except ProtocolError:  # some cameras do not support Renew: subscribe again instead
                    point = await _resubscribe(client, events_url, point)
            try:
                notifications = await point.pull()
                interrupted = 0
            except CameraUnreachable:
                interrupted += 1
                if interrupted >= MAX_INTERRUPTED_PULLS:
                    raise
                notifications = []
            if notifications:
                await handle(notifications)
            await asyncio.sleep(max(0.0, MIN_PULL_INTERVAL_S - (clock.monotonic() - began)))
    finally:
        await _close(point)


async def _resubscribe(client: SoapClient, events_url: str, old: PullPoint) -> PullPoint:
    await _close(old)
    return await PullPoint.open(client, events_url)


async def _close(point: PullPoint) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await point.close()
    except (CameraError, TimeoutError):
        pass  # the subscription expires by itself
