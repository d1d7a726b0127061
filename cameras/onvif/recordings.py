"""Edge storage of a camera (ONVIF Profile G): which recordings it holds and their replay addresses.

Cheap cameras announce more than they support, so this module ignores announced profiles: it tries each service and uses
whatever answers. A camera without a search service lists its recordings without times.
"""

from __future__ import annotations

import logging
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

log = logging.getLogger(__name__)

MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on the card; times are in the camera's clock, None if the camera does not report them."""

    token: str
    start: datetime | None = None
    end: datetime | None = None

    def touches(self, start: datetime, end: datetime) -> bool:
        """Return whether the recording may overlap [start, end); an unknown time always does."""
        return (self.start is None or self.start < end) and (self.end is None or self.end > start)


class EdgeStorage:
    """The recordings of one camera."""

    def __init__(self, client: SoapClient, device_url: str, services: dict[str, str]):
        self._client = client
        self._device_url = device_url
        self._services = services

    @classmethod
    async def of(cls, client: SoapClient, device_url: str) -> EdgeStorage | None:
        """Return the edge storage, or None if the camera has no replay service.

        Raises CameraUnreachable, CameraRefused or ProtocolError.
        """
        told = await services(client, device_url)
        return cls(client, device_url, told) if REPLAY in told else None

    async def recordings(self) -> list[Recording]:
        """Return the recordings that contain video. Raises CameraError."""
        if SEARCH in self._services:
            try:
                return await self._search()
            except ProtocolError:
                pass  # the announced search does not work: try GetRecordings
        if RECORDING not in self._services:
            return []
        reply = await self._client.call(self._services[RECORDING], f'<GetRecordings xmlns="{RECORDING}"/>')
        items = [n for n in reply.all("RecordingItem") if _has_pictures(n, "Tracks/Track", "Configuration/TrackType")]
        return [Recording(token) for n in items if (token := n.text("RecordingToken"))]

    async def _search(self) -> list[Recording]:
        address = self._services[SEARCH]
        begun = await self._client.call(
            address, f'<FindRecordings xmlns="{SEARCH}"><Scope/><KeepAliveTime>PT30S</KeepAliveTime></FindRecordings>'
        )
        token = begun.text("SearchToken")
        if not token:
            raise ProtocolError("the camera returned no search token")
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
        else:
            log.warning("%s: its recording search did not end; %d recordings are known", self._device_url, len(found))
        # The search is finished, or expires with its keep-alive time: a failed EndSearch does not affect the results.
        with suppress(ProtocolError, CameraUnreachable):
            await self._client.call(
                address, f'<EndSearch xmlns="{SEARCH}"><SearchToken>{escape(token)}</SearchToken></EndSearch>'
            )
        return found

    async def replay_url(self, recording: Recording) -> str:
        """Return the RTSP address of a recording, without credentials. Raises CameraError."""
        reply = await self._client.call(
            self._services[REPLAY],
            f'<GetReplayUri xmlns="{REPLAY}"><StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
            f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
            f"<RecordingToken>{escape(recording.token)}</RecordingToken></GetReplayUri>",
        )
        found = reply.text("Uri")
        if not found:
            raise ProtocolError("the camera returned no address for its recording")
        return repair_rtsp(found, self._device_url)


def _has_pictures(node: Node, tracks: str, kind: str) -> bool:
    """Return whether a recording has a video track; True if the camera reports no tracks."""
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
