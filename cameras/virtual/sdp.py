"""Session descriptions (SDP, RFC 8866) of clips, as the virtual RTSP server sends them."""

from __future__ import annotations

import base64

from cameras.virtual.clip import CLOCK_RATE, LoopClip


def describe(clip: LoopClip) -> str:
    """Return the SDP of a clip; parameter sets as in RFC 6184, 8.1, and RFC 7798, 7.1."""
    sets = [base64.b64encode(n).decode() for n in clip.parameter_sets]
    if clip.codec == "h264":
        profile = clip.parameter_sets[0][1:4].hex()
        name, fmtp = "H264", f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(sets)}"
    else:
        name, fmtp = (
            "H265",
            ";".join(f"{k}={v}" for k, v in zip(("sprop-vps", "sprop-sps", "sprop-pps"), sets, strict=True)),
        )
    return "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=virtual camera", "t=0 0", "a=control:*", "m=video 0 RTP/AVP 96",
         "c=IN IP4 0.0.0.0", f"a=rtpmap:96 {name}/{CLOCK_RATE}", f"a=fmtp:96 {fmtp}", f"a=framerate:{clip.fps:g}",
         "a=control:trackID=0", ""]
    )  # fmt: skip
