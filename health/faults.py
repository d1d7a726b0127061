"""Fault families and their state machine.

OK → SUSPECT → OPEN → RECOVERING → CLOSED. One look never opens a fault and never closes one: both
need two consecutive looks that say the same. A look that could not judge (None) moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CONFIRMATIONS = 2

SUSPECT, OPEN, RECOVERING, CLOSED, DISMISSED = "suspect", "open", "recovering", "closed", "dismissed"
LIVE_STATES = (SUSPECT, OPEN, RECOVERING)


@dataclass(frozen=True, slots=True)
class Family:
    severity: int
    chinese: str
    # Faults of these families explain this one: it is not judged while they are found.
    explained_by: tuple[str, ...] = ()


FAMILIES: dict[str, Family] = {
    "no_stream": Family(1, "无码流"),
    "auth": Family(1, "认证被拒"),
    "low_fps": Family(2, "帧率低", ("no_stream", "auth")),
    "low_bitrate": Family(3, "码率低", ("no_stream", "auth", "black", "frozen")),
    "loss": Family(2, "丢包", ("no_stream", "auth")),
    "black": Family(1, "黑屏", ("no_stream", "auth")),
    "frozen": Family(1, "画面冻结", ("no_stream", "auth", "black")),
    "blurred": Family(2, "模糊", ("no_stream", "auth", "black")),
}

Step = Literal["none", "suspected", "opened", "recovering", "relapsed", "closed", "dismissed", "confirmed"]


def advance(state: str | None, looks: int, found: bool | None) -> tuple[str | None, int, Step]:
    """New (state, consecutive looks, what happened) after a look; state None means there is no fault."""
    if found is None:
        return state, looks, "none"
    match state, found:
        case None, True:
            return SUSPECT, 1, "suspected"
        case "suspect", True:
            return (OPEN, looks + 1, "opened") if looks + 1 >= CONFIRMATIONS else (SUSPECT, looks + 1, "confirmed")
        case "suspect", False:
            return DISMISSED, 1, "dismissed"
        case "open", True:
            return OPEN, looks + 1, "confirmed"
        case "open", False:
            return RECOVERING, 1, "recovering"
        case "recovering", False:
            return (CLOSED, looks + 1, "closed") if looks + 1 >= CONFIRMATIONS else (RECOVERING, looks + 1, "confirmed")
        case "recovering", True:
            return OPEN, 1, "relapsed"
    return state, looks, "none"


def judge(raw: dict[str, str], unknown: set[str]) -> dict[str, bool | None]:
    """Per family: found, not found, or None where it cannot be judged in this look.

    `raw` maps the families that were found to sentences; `unknown` names those that could not be tested.
    """
    verdict: dict[str, bool | None] = {}
    for name, family in FAMILIES.items():
        if any(cause in raw for cause in family.explained_by) or (name in unknown and name not in raw):
            verdict[name] = None
        else:
            verdict[name] = name in raw
    return verdict
