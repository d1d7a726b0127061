"""Audio in fragmented MP4: the sample entry of G.711 or AAC, and the header of a fragment.

Audio is stored in fragments of its own (track 2) between the video fragments of the same file, so that removing whole
boxes is enough to extract the video.
"""

from __future__ import annotations

import struct

from nvr.media.mp4.mp4_box import box, full_box, moof_head
from nvr.media.samples import AudioRun
from nvr.rtsp.sdp import AudioCodec, AudioTrack

AUDIO_TRACK_ID = 2
_SAMPLE_ENTRIES = {AudioCodec.AAC: b"mp4a", AudioCodec.PCMA: b"alaw", AudioCodec.PCMU: b"ulaw"}


def sample_entry(track: AudioTrack) -> bytes:
    """Return the sample entry: `mp4a` with `esds`, or `alaw`/`ulaw` (ISO/IEC 14496-12 12.2.3, 14496-14 5.6)."""
    fields = struct.pack(">6xH8xHH4xI", 1, track.channels, 16, track.rate << 16 & 0xFFFFFFFF)
    return box(
        _SAMPLE_ENTRIES[track.codec], fields, _esds(track.configuration) if track.codec == AudioCodec.AAC else b""
    )


def _esds(configuration: bytes) -> bytes:
    specific = _descriptor(5, configuration)
    decoder = _descriptor(4, struct.pack(">BBBHII", 0x40, 0x15, 0, 0, 0, 0) + specific)
    stream = _descriptor(3, struct.pack(">HB", AUDIO_TRACK_ID, 0) + decoder + _descriptor(6, b"\x02"))
    return full_box(b"esds", 0, 0, stream)


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes((tag, 0x80, 0x80, 0x80, len(body))) + body


def moof(sequence: int, time: int, run: AudioRun) -> bytes:
    """Return the `moof` of an audio run at `time` of the track, followed by the `mdat` header."""
    head = moof_head(sequence, AUDIO_TRACK_ID, time, 0x00000301, len(run.sizes), 8)  # durations and sizes
    table = [value for pair in zip(run.durations, run.sizes, strict=True) for value in pair]
    return head + struct.pack(f">{len(table)}II4s", *table, len(run.data) + 8, b"mdat")
