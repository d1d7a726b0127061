"""ffmpeg's standard error: its own messages are parsed, text that only looks like them is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    CameraUnreachable,
    ConnectionLost,
    ProtocolError,
    TransportDeclined,
)
from nvr.recorder.ffmpeg_errors import MAX_LINES, FfmpegErrors

AT = "[rtsp @ 0x401403a401403] "
OPEN = "[concat @ 0x5615d10b4ac0] Impossible to open 'rtsp://u:geheim@10.0.0.401/Streaming/Channels/401'\n"
SAID = [
    (
        AT + "method DESCRIBE failed: 401 Unauthorized\n" + OPEN + "pipe:0: Server returned 401 Unauthorized\n",
        CameraRefused,
    ),
    (AT + "method DESCRIBE failed: 403 Forbidden\n" + OPEN, CameraRefused),
    (
        AT + "method OPTIONS failed: 401 Unauthorized\n" + OPEN + "pipe:0: Server returned 401 Unauthorized\n",
        CameraDeclined,
    ),
    (
        AT + "method OPTIONS failed: 403 no\n" + OPEN + "pipe:0: Server returned 403 Forbidden (access denied)\n",
        CameraDeclined,
    ),
    (AT + "method PLAY failed: 403 busy\n" + OPEN, CameraDeclined),
    (AT + "method DESCRIBE failed: 404 401 method DESCRIBE failed: 401\n" + OPEN, CameraDeclined),
    (
        AT + "method SETUP failed: 461 Unsupported Transport\n    Last message repeated 1 times\n" + OPEN,
        TransportDeclined,
    ),
    (AT + "Nonmatching transport in server reply\n" + OPEN, TransportDeclined),
    (
        "[tcp @ 0x55a401c332c0] Connection to tcp://10.0.0.1:401?timeout=1 failed: Connection refused\n"
        + OPEN
        + "pipe:0: Connection refused\n",
        CameraUnreachable,
    ),
    (
        "[tcp @ 0x401] Connection to tcp://401.lan:9 failed: No route to host\n" + OPEN + "pipe:0: No route to host",
        CameraUnreachable,
    ),
    (
        "[tcp @ 0x401] Failed to resolve hostname 401.invalid: Temporary failure\n"
        + OPEN
        + "pipe:0: Input/output error\n",
        CameraUnreachable,
    ),
    (OPEN + "pipe:0: Connection timed out\n", CameraUnreachable),
    (OPEN + "pipe:0: End of file\n", ConnectionLost),
    ("", ConnectionLost),
    (OPEN + "pipe:0: Invalid data found when processing input\n", ProtocolError),
    ("[h264 @ 0x1] error while decoding MB 401 403\npipe:0: Invalid data found when processing input\n", ProtocolError),
    # Messages without the method: ffmpeg 5.1, and 6.1 to 7.
    ("pipe:0: Server returned 401 Unauthorized (authorization failed)\n", CameraRefused),
    ("Server returned 401 Unauthorized\n", CameraRefused),
    ("401 Unauthorized\n", CameraRefused),
    ("rtsp://10.0.0.1/a: Server returned 403 Forbidden (access denied)\n", CameraRefused),
    (
        "[in#0 @ 0x5f] Error opening input: Server returned 401 Unauthorized (authorization failed)\n"
        "Error opening input file pipe:0.\n"
        "Error opening input files: Server returned 401 Unauthorized (authorization failed)\n",
        CameraRefused,
    ),
    (
        "[in#0/concat @ 0x5f] Error opening input: Server returned 404 Not Found\nError opening input file pipe:0.\n",
        CameraDeclined,
    ),
    ("[in#0 @ 0000020d] method DESCRIBE failed: 401 (Unauthorized)\n", CameraRefused),
    ("Error opening input files: Server returned 4XX Client Error, but not one of 40{0,1,3,4}\n", CameraDeclined),
    ("pipe:0: Server returned 5XX Server Error reply\n", CameraDeclined),
    ("Error opening input files: Server returned 429 Too Many Requests\n", CameraDeclined),
    # The same words in other places mean nothing.
    (
        "[concat @ 0x5] Impossible to open 'rtsp://10.0.0.1/: Server returned 401 Unauthorized'\npipe:0: End of file\n",
        ConnectionLost,
    ),
    ("[h264 @ 0x1] 401 Unauthorized\npipe:0: Invalid data found when processing input\n", ProtocolError),
    (
        AT + "method PLAY failed: 403 busy\n" + OPEN + "pipe:0: Server returned 403 Forbidden (access denied)\n",
        CameraDeclined,
    ),
    ("[https @ 0x56] HTTP error 401 Unauthorized\n", CameraRefused),
    ("[http @ 0x56] HTTP error 404 Not Found\n", CameraDeclined),
]


@pytest.mark.parametrize(("text", "error"), SAID)
def test_what_it_means(text: str, error: type[CameraError]) -> None:
    errors = FfmpegErrors()
    errors.feed(text.encode() + b"\n")
    reason = errors.reason(with_login=True)
    assert type(reason) is error
    assert "geheim" not in str(reason)


@given(st.sampled_from(SAID), st.lists(st.integers(1, 40), max_size=30))
def test_it_is_the_same_however_the_text_is_torn(said: tuple[str, type[CameraError]], cuts: list[int]) -> None:
    data, errors = said[0].encode() + b"\n", FfmpegErrors()
    for size in cuts:
        errors.feed(data[:size])
        data = data[size:]
    errors.feed(data)
    assert type(errors.reason(with_login=True)) is said[1]


@given(st.lists(st.binary(max_size=5000), max_size=20))
def test_anything_is_an_error_and_little_is_kept(pieces: list[bytes]) -> None:
    errors = FfmpegErrors()
    for piece in pieces:
        errors.feed(piece)
    assert isinstance(errors.reason(with_login=True), CameraError)
    assert len(errors.lines) <= MAX_LINES and len(errors._rest) <= 4000


def test_without_a_login_the_camera_wants_one() -> None:
    errors = FfmpegErrors()
    errors.feed(SAID[0][0].encode())
    assert "requires a user name and password" in str(errors.reason(with_login=False))


def test_a_codec_that_the_container_does_not_hold() -> None:
    errors = FfmpegErrors()
    errors.feed(
        b"[mov @ 0x55d] Could not find tag for codec opus in stream #1, codec not currently supported in container\n"
    )
    assert errors.unsupported_audio == "opus"
