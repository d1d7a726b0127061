"""A stream as wanted (`StreamSpec`), as observed before (`StreamFacts`) and as it is in a recorder (`StreamState`).

The three must not be mixed: if observed facts were part of the specification, an observation would look like a changed
specification, and the recorder would restart a stream that it has just repaired.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from core.errors import CameraError, CameraRefused, ProtocolError, StationFault
from core.logs import redact
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.engine_choice import EngineChoice, EngineKind
from nvr.media.samples import StreamCounters
from nvr.recording_state import RecordingState
from nvr.rtsp import server_memory
from nvr.tables import GapCause


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A wanted stream; contains nothing observed."""

    id: str  # <camera>/<kind>
    url: str
    login: tuple[str, str] | None = None
    engine: EngineKind = EngineKind.AUTO
    audio: bool = False
    on_event: bool = False  # recorded only around events (`Recorder.trigger`)

    def __repr__(self) -> str:  # the login must not reach a log
        return f"StreamSpec({self.id})"

    def check(self) -> None:
        """Raise StationFault if the address is invalid."""
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
    """What this or another recorder observed of a stream before."""

    refused: bool = False  # the camera refused the credential, and no person has acted since
    quarantined: bool = False  # its recorder crashed twice while processing it
    fell_back_at: datetime | None = None  # ffmpeg took over because the native engine could not record it
    has_digest: bool = False  # its camera offered Digest at least once


NO_FACTS = StreamFacts()


@dataclass(slots=True, eq=False)
class StreamState:
    """State of one stream while the recorder runs."""

    spec: StreamSpec
    sink: SegmentWriter
    counters: StreamCounters
    task: asyncio.Task[None] | None = None
    state: RecordingState = RecordingState.CONNECTING
    cause: GapCause | None = None
    detail: str = ""
    engine: EngineKind = EngineKind.NATIVE
    since: float = 0.0
    reconnects: int = -1
    failures: int = 0
    keyframe_wanted_at: float = float("-inf")  # monotonic time of the last keyframe request
    missing: str = ""  # what the recording lacks (audio), and why
    choice: EngineChoice | None = None  # if the engine is `auto`
    native_error_text: str = ""  # last error text of the native engine; cleared by an ffmpeg session
    native_error: CameraError | None = None  # last error of the native engine; kept during ffmpeg sessions
    fell_back_at: datetime | None = None
    refused: CameraRefused | None = None  # not retried until a person acts
    quarantined: ProtocolError | None = None
    facts: StreamFacts = NO_FACTS  # as of the last `apply_facts`
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # a person acted, or the quarantine is over

    @property
    def alive(self) -> bool:
        return self.task is not None and not self.task.done()

    def apply_facts(self, facts: StreamFacts) -> None:
        """Apply new facts. A refusal or quarantine that ended there ends here; the other facts end no session."""
        before, self.facts = self.facts, facts
        if facts.refused and self.refused is None:
            self.refused = CameraRefused("the camera refused the credential")
        elif before.refused and not facts.refused:
            self.refused = None
            self.changed.set()
        if facts.quarantined and self.quarantined is None:
            self.quarantined = ProtocolError(
                "the recorder crashed twice on this stream; the next attempt is in 24 hours"
            )
        elif before.quarantined and not facts.quarantined:
            self.quarantined = None
            self.changed.set()
        if facts.has_digest:
            server_memory.remember_digest(self.spec.url)
        elif before.has_digest:  # a person stated that another device uses this address now
            server_memory.forget_digest(self.spec.url)
