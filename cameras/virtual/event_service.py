"""Event service of a virtual camera: PullPoint subscriptions, with the quirks of real ones."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from cameras.onvif.soap import Node
from cameras.virtual.device import Device
from cameras.virtual.device_service import OperationRefused

TOPICS = {
    "motion": ("tns1:VideoSource/MotionAlarm", "State"),
    "tamper": ("tns1:RuleEngine/TamperDetector/Tamper", "IsTamper"),
    "scene_change": ("tns1:VideoSource/GlobalSceneChange/ImagingService", "State"),
    "storage_failure": ("tns1:Device/HardwareFailure/StorageFailure", "Failed"),
    "disk_full": ("tns1:Monitoring/StorageFull", "Full"),
}
MAX_SUBSCRIPTIONS = 3
SUBSCRIPTION_S = 60.0
MAX_QUEUED_EVENTS = 50


@dataclass(slots=True, eq=False)
class Subscription:
    number: int
    ends: float  # monotonic
    waiting: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_QUEUED_EVENTS))
    news: asyncio.Event = field(default_factory=asyncio.Event)


class EventService:
    def __init__(self, device: Device):
        self.device = device
        self._numbers = itertools.count(1)
        self.subscriptions: dict[int, Subscription] = {}

    def emit(self, kind: str, state: bool, source: str = "source") -> None:
        """Queue an event (motion, tampering …) for every subscription."""
        topic, item = TOPICS[kind]
        moment = f"{self.device.now():%Y-%m-%dT%H:%M:%SZ}"
        namespace = "http://vendor.example/notify" if "wrong_event_namespace" in self.device.quirks else _WSNT
        message = (
            f'<w:NotificationMessage xmlns:w="{namespace}">'
            '<w:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
            f'{topic}</w:Topic><w:Message><tt:Message UtcTime="{moment}" PropertyOperation="Changed"><tt:Source>'
            f'<tt:SimpleItem Name="Source" Value={quoteattr(source)}/></tt:Source><tt:Data>'
            f'<tt:SimpleItem Name="{item}" Value="{str(state).lower()}"/></tt:Data></tt:Message></w:Message>'
            "</w:NotificationMessage>"
        )
        for subscription in self.subscriptions.values():
            subscription.waiting.append(message)
            subscription.news.set()

    def create(self, operation: Node) -> str:
        self._delete_expired()
        if len(self.subscriptions) >= (1 if "one_slot" in self.device.quirks else MAX_SUBSCRIPTIONS):
            raise OperationRefused("ter:MaxPullPoints")
        number = next(self._numbers)
        life = _seconds(operation.text("InitialTerminationTime")) or SUBSCRIPTION_S
        self.subscriptions[number] = Subscription(number, time.monotonic() + life)
        path = f"/onvif/event_service?sub={number}"
        address = (
            path
            if "relative_subscription" in self.device.quirks
            else self.device.address_of(f"event_service?sub={number}")
        )
        return (
            f'<t:CreatePullPointSubscriptionResponse><t:SubscriptionReference xmlns:a="{_WSA}">'
            f"<a:Address>{escape(address)}</a:Address>"
            f"</t:SubscriptionReference>{self._times(life)}</t:CreatePullPointSubscriptionResponse>"
        )

    async def pull(self, operation: Node, number: int, gone: Callable[[], bool]) -> str:
        subscription = self._known(number)
        wait = min(_seconds(operation.text("Timeout")) or 5.0, 60.0)
        if "drops_pull" in self.device.quirks and not subscription.waiting:
            await asyncio.sleep(min(wait, 0.2))
            raise ConnectionResetError
        if not subscription.waiting and "returns_at_once" not in self.device.quirks:
            subscription.news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(subscription.news.wait(), wait)
        limit = int(operation.number("MessageLimit") or 10)
        told = [subscription.waiting.popleft() for _ in range(min(limit, len(subscription.waiting)))]
        if gone():  # the client has disconnected; real cameras do not notice it and the events are lost
            raise ConnectionResetError
        return (
            f"<t:PullMessagesResponse>{self._times(subscription.ends - time.monotonic())}{''.join(told)}"
            "</t:PullMessagesResponse>"
        )

    def renew(self, operation: Node, number: int) -> str:
        life = _seconds(operation.text("TerminationTime")) or SUBSCRIPTION_S
        self._known(number).ends = time.monotonic() + life
        return f'<w:RenewResponse xmlns:w="{_WSNT}">{self._times(life)}</w:RenewResponse>'

    def unsubscribe(self, _: Node, number: int) -> str:
        self._known(number)
        del self.subscriptions[number]
        return f'<w:UnsubscribeResponse xmlns:w="{_WSNT}"/>'

    def _known(self, number: int) -> Subscription:
        self._delete_expired()
        if number not in self.subscriptions:
            raise OperationRefused("ter:InvalidArgVal")
        return self.subscriptions[number]

    def _delete_expired(self) -> None:
        now = time.monotonic()
        self.subscriptions = {n: s for n, s in self.subscriptions.items() if s.ends > now}

    def _times(self, life: float) -> str:
        if "no_termination_time" in self.device.quirks:
            return ""
        now: datetime = self.device.now()
        return (
            f'<w:CurrentTime xmlns:w="{_WSNT}">{now:%Y-%m-%dT%H:%M:%SZ}</w:CurrentTime>'
            f'<w:TerminationTime xmlns:w="{_WSNT}">{now + timedelta(seconds=life):%Y-%m-%dT%H:%M:%SZ}'
            "</w:TerminationTime>"
        )


_WSNT = "http://docs.oasis-open.org/wsn/b-2"
_WSA = "http://www.w3.org/2005/08/addressing"


def _seconds(text: str | None) -> float | None:
    """Parse an xs:duration of hours, minutes and seconds; return None if it is another one."""
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", text or "")
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds = (float(g or 0) for g in found.groups())
    return hours * 3600 + minutes * 60 + seconds
