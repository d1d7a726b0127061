"""What a camera keeps on its own card (ONVIF Profile G): which recordings, and where they are played.

Cheap cameras claim more than they do, so nothing here believes a profile: services are looked for, and
whatever answers is used. A camera without search tells its recordings without their times.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from xml.sax.saxutils import escape

from cameras.onvif.addresses import repair_rtsp
from cameras.onvif.client import SoapClient
from cameras.onvif.device import services
from cameras.onvif.namespaces import RECORDING, REPLAY, SCHEMA, SEARCH
from cameras.onvif.soap import Node
from core.errors import CameraUnreachable, ProtocolError

MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on the card, in the camera's clock; a time that the camera does not tell is None."""

    token: str
    start: datetime | None = None
    end: datetime | None = None

    def touches(self, start: datetime, end: datetime) -> bool:
        return (self.start is None or self.start < end) and (self.end is None or self.end > start)


class EdgeStorage:
    """The recordings of one camera."""

    def __init__(self, client: SoapClient, device_url: str, services: dict[str, str]):
        self._client = client
        self._device_url = device_url
        self._services = services

    @classmethod
    async def of(cls, client: SoapClient, device_url: str) -> EdgeStorage | None:
        """None where the camera offers no replay. Raises CameraUnreachable, CameraRefused, ProtocolError."""
        told = await services(client, device_url)
        return cls(client, device_url, told) if REPLAY in told else None

    async def recordings(self) -> list[Recording]:
        """Recordings with pictures. Raises CameraError."""
        if SEARCH in self._services:
            try:
                return await self._searched()
            except ProtocolError:
                pass  # a search that is offered and does not work: the plain list may
        if RECORDING not in self._services:
            return []
        reply = await self._client.call(self._services[RECORDING], f'<GetRecordings xmlns="{RECORDING}"/>')
        items = [n for n in reply.all("RecordingItem") if _has_pictures(n, "Tracks/Track", "Configuration/TrackType")]
        return [Recording(token) for n in items if (token := n.text("RecordingToken"))]

    async def _searched(self) -> list[Recording]:
        address = self._services[SEARCH]
        begun = await self._client.call(
            address, f'<FindRecordings xmlns="{SEARCH}"><Scope/><KeepAliveTime>PT30S</KeepAliveTime></FindRecordings>'
        )
        token = begun.text("SearchToken")
        if not token:
            raise ProtocolError("the camera began a search without a token")
        found: list[Recording] = []
        for _ in range(MAX_PAGES):
            page = await self._client.call(
                address,
                f'<GetRecordingSearchResults xmlns="{SEARCH}"><SearchToken>{escape(token)}</SearchToken>'
                "<WaitTime>PT5S</WaitTime></GetRecordingSearchResults>",
            )
            found += [r for n in page.all("ResultList/RecordingInformation") if (r := _recording(n)) is not None]
            if page.text("ResultList/SearchState") == "Completed":
                break
        # The search is over anyway, or ends by its keep-alive time: a no to its end says nothing of what it found.
        with suppress(ProtocolError, CameraUnreachable):
            await self._client.call(
                address, f'<EndSearch xmlns="{SEARCH}"><SearchToken>{escape(token)}</SearchToken></EndSearch>'
            )
        return found

    async def replay_url(self, recording: Recording) -> str:
        """RTSP address of a recording, without credentials. Raises CameraError."""
        reply = await self._client.call(
            self._services[REPLAY],
            f'<GetReplayUri xmlns="{REPLAY}"><StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
            f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
            f"<RecordingToken>{escape(recording.token)}</RecordingToken></GetReplayUri>",
        )
        found = reply.text("Uri")
        if not found:
            raise ProtocolError("the camera gave no address for its recording")
        return repair_rtsp(found, self._device_url)


def _has_pictures(node: Node, tracks: str, kind: str) -> bool:
    """A recording whose tracks are not told may have pictures."""
    kinds = [t.text(kind) for t in node.all(tracks)]
    return not kinds or "Video" in kinds


def _recording(node: Node) -> Recording | None:
    token = node.text("RecordingToken")
    if token is None or not _has_pictures(node, "Track", "TrackType"):
        return None
    return Recording(token, _moment(node.text("EarliestRecording")), _moment(node.text("LatestRecording")))


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
