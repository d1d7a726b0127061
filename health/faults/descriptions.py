"""Describe findings as English sentences for the command line and logs.

The console has its own texts in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "uplink": "{failing} of {cameras} cameras of this {kind} are gone at once",
    "unreachable": "no answer from its address for {seconds} s",
    "auth": "the camera refused the credential; set the right one",
    "no_stream": "no picture for {seconds} s: {cause} {said}",
    "low_fps": "{fps} pictures a second instead of {usual}",
    "low_bitrate": "{bitrate} b/s instead of {usual}",
    "loss": "a share of {loss} of the packets is lost",
    "gaps": "{seconds} s of the last day are not recorded, most because of {cause}",
    "retention": "{days} days are held instead of {required}",
    "forecast": "footage will go early in {in_days} days: {days} days can be kept instead of {required}",
    "no_signal": "a field without a picture",
    "black": "nothing to see",
    "frozen": "the picture stands still",
    "covered": "what the camera used to see is covered",
    "covered_part": "a part of what it used to see is covered",
    "moved": "it looks elsewhere than it used to",
    "clock": "its clock is {offset} s off",
    "flapping": "it broke off {times} times within an hour",
    "parameters": "{now} instead of {promised}",
    "gop": "long keyframe interval: {seconds} s",
    "corrupt": "its keyframes do not decode",
    "timestamps": "its timestamps went wrong {jumps} times in five minutes",
    "index": "the file {file} is missing or of another size than the index says",
    "card": "its card: {said}",
    "ptz": "the dome does not obey",
    "events": "its events fall silent",
    "mark_time": "the time in the picture is {offset} s off",
    "mark_name": "its name is not in the picture",
    "volume": "disk {state}: {said}",
    "register": "{said}",
}


def sentence(family: str, figures: Mapping[str, Any]) -> str:
    """Return a sentence for a finding; the family's name where there is no sentence or `figures` lacks a value."""
    words = _WORDS.get(family, family.replace("_", " "))
    try:
        return words.format(**figures).strip()
    except KeyError:
        return family.replace("_", " ")
