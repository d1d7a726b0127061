"""A stream as it is wanted, as it was observed, and as it is while a recorder runs.

The three never mix: what was observed must not look like another wish, or a recorder would tear down what it has just
mended.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from core.errors import CameraError, CameraRefused, ProtocolError, StationFault
from core.logs import redact
from nvr.archive.segment_writer import SegmentSink
from nvr.engine_choice import EngineChoice
from nvr.media.depacketizer import StreamCounters
from nvr.rtsp import server_memory

NO_KEYFRAME = "no_keyframe"  # gap cause: pictures arrive, and none that can be the first
PACKET_LOSS = "packet_loss"  # gap cause


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream that is wanted; nothing observed belongs here."""

    id: str  # <camera>/<kind>
    url: str
    login: tuple[str, str] | None = None
    engine: str = "auto"
    audio: bool = False
    on_event: bool = False  # kept only around events (`Recorder.trigger`)

    def __repr__(self) -> str:  # the login must not reach a log
        return f"StreamSpec({self.id})"

    def check(self) -> None:
        """Raises StationFault for an address that nobody can connect to."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError as e:
            host, why = None, str(e)
        else:
            why = "it names no host"
        if not host:
            raise StationFault(
                f"the stream's address '{redact(self.url)}' is not valid ({why}); correct it in the inventory"
            )


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What was observed of a stream before, by this recorder or by others."""

    refused: bool = False  # the camera refused the credential, and no person has acted since
    quarantined: bool = False  # it killed its recorder twice
    fell_back_at: datetime | None = None  # ffmpeg has it because the native engine could not
    has_digest: bool = False  # its camera offered Digest once


NOTHING_KNOWN = StreamFacts()


@dataclass(slots=True, eq=False)
class StreamState:
    """What is known of one stream while the recorder runs."""

    spec: StreamSpec
    sink: SegmentSink
    counters: StreamCounters
    task: asyncio.Task[None] | None = None
    state: str = "connecting"
    cause: str = ""
    detail: str = ""
    engine: str = "native"
    since: float = 0.0
    reconnects: int = -1
    failures: int = 0
    keyframe_wanted_at: float = float("-inf")  # monotonic: when its camera was asked for one last
    missing: str = ""  # what its recording lacks: sound
    choice: EngineChoice | None = None  # where the engine is `auto`
    native_said: str = ""  # why the native engine failed last
    native_error: CameraError | None = None  # the same, over what ffmpeg tried since
    fell_back_at: datetime | None = None
    refused: CameraRefused | None = None  # nobody tries again until a person acts
    quarantined: ProtocolError | None = None
    facts: StreamFacts = NOTHING_KNOWN  # as they were told last
    news: asyncio.Event = field(default_factory=asyncio.Event)  # a person acted, or the quarantine is over

    @property
    def alive(self) -> bool:
        return self.task is not None and not self.task.done()

    def hear(self, facts: StreamFacts) -> None:
        """Take what others observed. A refusal or quarantine that is over there is over here; the rest ends no session."""
        before, self.facts = self.facts, facts
        if facts.refused and self.refused is None:
            self.refused = CameraRefused("the camera refused the credential")
        elif before.refused and not facts.refused:
            self.refused = None
            self.news.set()
        if facts.quarantined and self.quarantined is None:
            self.quarantined = ProtocolError("its pictures ended the recorder twice; it is tried again after a day")
        elif before.quarantined and not facts.quarantined:
            self.quarantined = None
            self.news.set()
        if facts.has_digest:
            server_memory.remember_digest(self.spec.url)
        elif before.has_digest:  # a person says that another device hangs there
            server_memory.forget_digest(self.spec.url)
