"""Fault families and the state machine of one camera and family, which turns inspections into faults.

    OK → SUSPECT → OPEN → RECOVERING → CLOSED

A single inspection never opens a fault: a passing lorry triggers a finding in a quarter of single inspections. A single
inspection never closes a fault either, and a fault that opened at night needs a clean night inspection before it
closes. An inspection that could not judge (camera unreachable, up-link down, maintenance, learning) is no vote.
Acknowledging a fault changes nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SUSPECT, OPEN, RECOVERING, CLOSED, DISMISSED = "suspect", "open", "recovering", "closed", "dismissed"
LIVE_STATES = (SUSPECT, OPEN, RECOVERING)
REOPEN_SECONDS = 86400.0  # a fault that returns within a day is the same fault
FLAPS = 4  # openings within a day from which a fault counts as flapping; it must then stay clean for longer
KEPT = 12  # votes kept


@dataclass(frozen=True, slots=True)
class FaultRule:
    """When a fault opens and closes.

    Opens when `need` of the last `of` inspections found it and these span `span` seconds. Closes after `clear` clean
    inspections that span `calm` seconds. `same_light`: one of the clean ones must have the light (day or night) in
    which it opened.
    """

    need: int = 3
    of: int = 4
    span: float = 3600.0
    clear: int = 3
    calm: float = 3600.0
    same_light: bool = False


PROVED = FaultRule(1, 1, 0.0, 1, 0.0)  # computed, not observed
QUICK = FaultRule(2, 2, 20.0, 2, 20.0)  # detected by counters; needs no picture
STEADY = FaultRule(3, 4, 300.0, 3, 600.0)
PICTURE = FaultRule(same_light=True)
SURE = FaultRule(2, 2, 600.0, 2, 600.0)  # no intact scene looks like it
MOVED = FaultRule(3, 4, 1800.0)
SLOW = FaultRule(4, 5, 10800.0)  # a vehicle may park there for a while


@dataclass(frozen=True, slots=True)
class FaultFamily:
    """Severity, Chinese name, rule and kind of a fault family."""

    severity: int  # 1 evidence is being lost … 4 cosmetic
    chinese: str
    rule: FaultRule
    kind: Literal["reach", "stream", "recording", "picture", "mark", "clock", "device", "station"]
    # Faults of these families explain this one: it is not judged while one of them is found.
    explained_by: tuple[str, ...] = ()


DEAD = ("unreachable", "no_stream", "auth")  # the camera sends nothing
_BLIND = (*DEAD, "no_signal", "black")
FAMILIES: dict[str, FaultFamily] = {
    "uplink": FaultFamily(1, "上联中断", QUICK, "reach"),
    "unreachable": FaultFamily(1, "不可达", QUICK, "reach"),
    "auth": FaultFamily(1, "认证被拒", QUICK, "reach"),
    "no_stream": FaultFamily(1, "无码流", QUICK, "stream", ("unreachable", "auth")),
    "flapping": FaultFamily(2, "时断时续", SURE, "stream"),
    "low_fps": FaultFamily(2, "帧率低", STEADY, "stream", DEAD),
    "low_bitrate": FaultFamily(3, "码率低", STEADY, "stream", (*_BLIND, "frozen")),
    "loss": FaultFamily(2, "丢包", STEADY, "stream", DEAD),
    "parameters": FaultFamily(3, "参数改变", SURE, "stream", DEAD),
    "gop": FaultFamily(4, "关键帧间隔大", SURE, "stream", DEAD),
    "corrupt": FaultFamily(2, "关键帧损坏", SURE, "stream", DEAD),
    "timestamps": FaultFamily(3, "时间戳异常", STEADY, "stream", DEAD),
    "gaps": FaultFamily(2, "录像缺失", QUICK, "recording"),
    "retention": FaultFamily(2, "录像天数不足", QUICK, "recording"),
    "forecast": FaultFamily(2, "录像将不足", QUICK, "station"),
    "index": FaultFamily(1, "录像与索引不符", QUICK, "recording"),
    "no_signal": FaultFamily(1, "无视频信号", SURE, "picture", DEAD),
    "black": FaultFamily(1, "黑屏", SURE, "picture", DEAD),
    "frozen": FaultFamily(1, "画面冻结", SURE, "picture", _BLIND),
    "mosaic": FaultFamily(2, "花屏", SURE, "picture", _BLIND),
    "covered": FaultFamily(1, "遮挡", PICTURE, "picture", _BLIND),
    "covered_part": FaultFamily(2, "部分遮挡", SLOW, "picture", (*_BLIND, "covered")),
    "moved": FaultFamily(2, "移位", MOVED, "picture", _BLIND),
    "blurred": FaultFamily(2, "模糊", PICTURE, "picture", _BLIND),
    "blurred_part": FaultFamily(3, "局部模糊", SLOW, "picture", (*_BLIND, "blurred")),
    "overexposed": FaultFamily(2, "过曝", PICTURE, "picture", _BLIND),
    "underexposed": FaultFamily(2, "过暗", PICTURE, "picture", _BLIND),
    "veil": FaultFamily(3, "蒙尘起雾", SLOW, "picture", _BLIND),
    "cast": FaultFamily(3, "偏色", PICTURE, "picture", _BLIND),
    "monochrome": FaultFamily(3, "白天无彩色", PICTURE, "picture", _BLIND),
    "noise": FaultFamily(3, "噪点", PICTURE, "picture", _BLIND),
    "stripes": FaultFamily(3, "条纹", PICTURE, "picture", _BLIND),
    "shaking": FaultFamily(3, "抖动", MOVED, "picture", _BLIND),
    "clock": FaultFamily(2, "时钟偏差", QUICK, "clock"),
    "card": FaultFamily(3, "存储卡异常", QUICK, "device"),
    "ptz": FaultFamily(3, "云台异常", QUICK, "device", DEAD),
    "events": FaultFamily(4, "事件上报中断", QUICK, "device", DEAD),
    "mark_time": FaultFamily(3, "画面时间错误", PICTURE, "mark", _BLIND),
    "mark_name": FaultFamily(4, "画面名称缺失", PICTURE, "mark", _BLIND),
    "volume": FaultFamily(1, "存储卷故障", QUICK, "station"),
    "patrol": FaultFamily(1, "巡检停顿", QUICK, "station"),
    "register": FaultFamily(1, "登记与签署不符", PROVED, "station"),
}

Step = Literal["none", "suspected", "opened", "recovering", "relapsed", "closed", "dismissed", "confirmed"]


@dataclass(slots=True)
class Vote:
    """The vote of one inspection that could judge: time (epoch seconds), result and light."""

    at: float
    found: bool
    light: str = ""


@dataclass(slots=True)
class FaultState:
    """State of one camera and fault family, as stored in `Fault.state` and `Fault.facts`."""

    state: str | None = None
    marks: list[Vote] = field(default_factory=list)
    light: str = ""  # light in which it opened
    opened: list[float] = field(default_factory=list)  # opening times within the last day, epoch seconds

    @property
    def flapping(self) -> bool:
        return len(self.opened) >= FLAPS

    def as_json(self) -> dict[str, Any]:
        return {"marks": [[m.at, m.found, m.light] for m in self.marks], "light": self.light, "opened": self.opened}

    @classmethod
    def of(cls, state: str | None, facts: dict[str, Any]) -> FaultState:
        """Restore the state from the columns of a fault row."""
        marks = [Vote(float(at), bool(found), str(light)) for at, found, light in facts.get("marks", [])]
        return cls(state, marks, facts.get("light", ""), list(facts.get("opened", [])))


def advance(track: FaultState, rule: FaultRule, mark: Vote) -> Step:
    """Apply one vote to the state and return the step taken.

    If the clock jumped back, drops the votes that lie in the future: spans across the jump mean nothing. Raises
    ValueError for an unknown state.
    """
    if track.marks and mark.at < track.marks[-1].at:
        track.marks = [m for m in track.marks if m.at <= mark.at]
    track.marks = [*track.marks, mark][-KEPT:]
    track.opened = [t for t in track.opened if 0 <= mark.at - t < REOPEN_SECONDS]
    match track.state:
        case None | "closed" | "dismissed":
            if not mark.found:
                return "none"
            track.state, track.marks = SUSPECT, [mark]
            return "suspected"
        case "suspect":
            return _suspect(track, rule, mark)
        case "open":
            if mark.found:
                return "confirmed"
            track.state = RECOVERING
            return "recovering"
        case "recovering":
            return _recovering(track, rule, mark)
    raise ValueError(f"a fault cannot be '{track.state}'")


def _suspect(track: FaultState, rule: FaultRule, mark: Vote) -> Step:
    last = track.marks[-rule.of :]
    hits = [m.at for m in last if m.found]
    if mark.found and len(hits) >= rule.need and hits[-1] - _first_hit(track.marks, rule) >= rule.span:
        track.state, track.light = OPEN, mark.light
        track.opened.append(mark.at)
        return "opened"
    if not mark.found and len(track.marks) > 1 and not track.marks[-2].found:
        track.state = DISMISSED
        return "dismissed"
    return "confirmed" if mark.found else "none"


def _first_hit(marks: Sequence[Vote], rule: FaultRule) -> float:
    """Return the time of the first hit of the current series. More clean votes than the rule allows end a series."""
    began, forgiven = marks[-1].at, rule.of - rule.need
    for m in reversed(marks):
        if m.found:
            began = m.at
        else:
            forgiven -= 1
            if forgiven < 0:
                break
    return began


def _recovering(track: FaultState, rule: FaultRule, mark: Vote) -> Step:
    if mark.found:
        track.state = OPEN
        track.opened.append(mark.at)
        return "relapsed"
    clean = []
    for m in reversed(track.marks):
        if m.found:
            break
        clean.append(m)
    calm = rule.calm * (4 if track.flapping else 1)
    lit = not rule.same_light or not track.light or any(m.light == track.light for m in clean)
    if len(clean) >= rule.clear and clean[0].at - clean[-1].at >= calm and lit:
        track.state = CLOSED
        return "closed"
    return "confirmed"


def judge(raw: set[str], unknown: set[str]) -> dict[str, bool | None]:
    """Judge each family: found (True), not found (False), or None where this inspection cannot judge it."""
    verdict: dict[str, bool | None] = {}
    for name, family in FAMILIES.items():
        if any(cause in raw for cause in family.explained_by) or (name in unknown and name not in raw):
            verdict[name] = None
        else:
            verdict[name] = name in raw
    return verdict
