"""What a camera's reply means: refusals of the credential, and texts for display."""

from __future__ import annotations

import pytest

from cameras.onvif.soap import display_text, is_refusal

FAULT = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
    b"<s:Subcode><s:Value>ter:%s</s:Value></s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>"
)


@pytest.mark.parametrize(
    ("status", "content", "refusal"),
    [
        (401, b"", True),
        (403, b"", True),
        (400, b"", False),
        (404, b"", False),
        (200, b"<Fault", False),
        (400, FAULT % b"NotAuthorized", True),
        (400, FAULT % b"InvalidArgVal", False),
    ],
)
def test_a_refused_credential_is_told_by_status_or_subcode(status: int, content: bytes, refusal: bool) -> None:
    assert is_refusal(status, content) == refusal


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\u061c", "\x1b", "\x9b"])
def test_a_name_has_no_control_characters_and_direction_marks(mark: str) -> None:
    assert display_text(f"gate{mark}村口 1") == "gate村口 1"
    assert display_text("gate 1 " + "x" * 90) == "gate 1 " + "x" * 73
