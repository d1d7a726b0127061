"""Describe findings as English sentences for the command line and logs.

The console has its own texts in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping

from health.vocabulary import EvidenceFigures, FaultFamily

_SENTENCES: Mapping[str, str] = {
    FaultFamily.UPLINK: "{failing} of {cameras} cameras of this {kind} failed at the same time",
    FaultFamily.UNREACHABLE: "no answer from its address for {seconds} s",
    FaultFamily.AUTH: "the camera refused the credential; set the right one",
    FaultFamily.NO_STREAM: "no picture for {seconds} s: {cause} {said}",
    FaultFamily.LOW_FPS: "{fps} pictures a second instead of {usual}",
    FaultFamily.LOW_BITRATE: "{bitrate} b/s instead of {usual}",
    FaultFamily.LOSS: "{loss} of the packets are lost (share)",
    FaultFamily.GAPS: "{seconds} s of the last day are not recorded, most because of {cause}",
    FaultFamily.RETENTION: "{days} days are held instead of {required}",
    FaultFamily.FORECAST: (
        "footage will be deleted early from {in_days} days on: {days} days can be kept instead of {required}"
    ),
    FaultFamily.NO_SIGNAL: "no video signal",
    FaultFamily.BLACK: "black picture",
    FaultFamily.FROZEN: "frozen picture",
    FaultFamily.COVERED: "the view is covered",
    FaultFamily.PARTIAL_OCCLUSION: "a part of the view is covered",
    FaultFamily.MOVED: "the camera points elsewhere",
    FaultFamily.CLOCK: "the camera's clock is {offset} s off",
    FaultFamily.FLAPPING: "the stream was interrupted {times} times within an hour",
    FaultFamily.PARAMETERS: "{now} instead of {promised}",
    FaultFamily.GOP: "long keyframe interval: {seconds} s",
    FaultFamily.CORRUPT: "its keyframes do not decode",
    FaultFamily.TIMESTAMPS: "its timestamps jumped or stood still {jumps} times in five minutes",
    FaultFamily.INDEX: "the file {file} is missing or has another size than in the index",
    FaultFamily.CARD: "memory card: {said}",
    FaultFamily.PTZ: "PTZ commands fail",
    FaultFamily.EVENTS: "the camera sends no events",
    FaultFamily.OSD_TIME: "the time in the picture is {offset} s off",
    FaultFamily.OSD_NAME: "the camera's name is not in the picture",
    FaultFamily.VOLUME: "disk {state}: {said}",
    FaultFamily.REGISTER: "{said}",
}


def describe(family: str, figures: EvidenceFigures) -> str:
    """Return a sentence for a finding; the family's name where there is no sentence or `figures` lacks a value."""
    sentence = _SENTENCES.get(family, family.replace("_", " "))
    try:
        return sentence.format(**figures).strip()
    except KeyError:
        return family.replace("_", " ")
