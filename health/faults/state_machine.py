"""Fault families, and how looks become faults and faults end: the state machine of one camera and family.

    OK → SUSPECT → OPEN → RECOVERING → CLOSED

One look never opens a fault: a passing lorry flags a quarter of single looks. One look never closes one either, and
a fault of the night is not over before a night look was clean. What could not be judged (the camera is unreachable, its
up-link is down, it is being mended, it learns) is not a look. Acknowledging changes nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SUSPECT, OPEN, RECOVERING, CLOSED, DISMISSED = "suspect", "open", "recovering", "closed", "dismissed"
LIVE_STATES = (SUSPECT, OPEN, RECOVERING)
REOPEN_SECONDS = 86400.0  # a fault that comes back within a day is the same one
FLAPS = 4  # times opened within a day, from which a fault is called flapping: it then has to stay away longer
KEPT = 12  # marks kept


@dataclass(frozen=True, slots=True)
class FaultRule:
    """Opens at `need` of the last `of` looks, spanning `span` seconds; closes after `clear` clean ones spanning `calm`."""

    need: int = 3
    of: int = 4
    span: float = 3600.0
    clear: int = 3
    calm: float = 3600.0
    same_light: bool = False


PROVED = FaultRule(1, 1, 0.0, 1, 0.0)  # computed, not seen
QUICK = FaultRule(2, 2, 20.0, 2, 20.0)  # counters tell them, no picture is needed
STEADY = FaultRule(3, 4, 300.0, 3, 600.0)
PICTURE = FaultRule(same_light=True)
SURE = FaultRule(2, 2, 600.0, 2, 600.0)  # nothing in a living scene looks like it
MOVED = FaultRule(3, 4, 1800.0)
SLOW = FaultRule(4, 5, 10800.0)  # somebody may park there for a while


@dataclass(frozen=True, slots=True)
class FaultFamily:
    severity: int  # 1 evidence is being lost … 4 cosmetic
    chinese: str
    rule: FaultRule
    kind: Literal["reach", "stream", "recording", "picture", "mark", "clock", "device", "station"]
    # Faults of these families explain this one: it is not judged while they are found.
    explained_by: tuple[str, ...] = ()


DEAD = ("unreachable", "no_stream", "auth")  # nothing comes from the camera
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
    """A look that could judge: when (epoch seconds), what it found, and in which light."""

    at: float
    found: bool
    light: str = ""


@dataclass(slots=True)
class FaultState:
    """What is known of one camera and family."""

    state: str | None = None
    marks: list[Vote] = field(default_factory=list)
    light: str = ""  # in which it opened
    opened: list[float] = field(default_factory=list)  # times, of the last day

    @property
    def flapping(self) -> bool:
        return len(self.opened) >= FLAPS

    def as_json(self) -> dict[str, Any]:
        return {"marks": [[m.at, m.found, m.light] for m in self.marks], "light": self.light, "opened": self.opened}

    @classmethod
    def of(cls, state: str | None, facts: dict[str, Any]) -> FaultState:
        marks = [Vote(float(at), bool(found), str(light)) for at, found, light in facts.get("marks", [])]
        return cls(state, marks, facts.get("light", ""), list(facts.get("opened", [])))


def advance(track: FaultState, rule: FaultRule, mark: Vote) -> Step:
    """Take a look into account. A clock that jumped back begins anew: spans across the jump mean nothing."""
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
    """Where the present row of hits began: broken by more clean looks than the rule forgives."""
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
    """Per family: found, not found, or None where it cannot be judged in this look."""
    verdict: dict[str, bool | None] = {}
    for name, family in FAMILIES.items():
        if any(cause in raw for cause in family.explained_by) or (name in unknown and name not in raw):
            verdict[name] = None
        else:
            verdict[name] = name in raw
    return verdict
