"""Fault families: severity, Chinese name, rule of opening and closing, and the families that explain each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from health.vocabulary import FaultFamily, FaultKind


@dataclass(frozen=True, slots=True)
class FaultRule:
    """When a fault opens and closes.

    Opens when `hits` of the last `window` inspections found it and these span `span_s` seconds. Closes after `clean`
    clean inspections that span `clean_span_s` seconds. `same_light`: one of the clean ones must have the light (day or
    night) in which it opened.
    """

    hits: int = 3
    window: int = 4
    span_s: float = 3600.0
    clean: int = 3
    clean_span_s: float = 3600.0
    same_light: bool = False


PROVED_RULE = FaultRule(1, 1, 0.0, 1, 0.0)  # computed, not observed
COUNTER_RULE = FaultRule(2, 2, 20.0, 2, 20.0)  # detected by counters; needs no picture
STREAM_RULE = FaultRule(3, 4, 300.0, 3, 600.0)
PICTURE_RULE = FaultRule(same_light=True)
UNMISTAKABLE_RULE = FaultRule(2, 2, 600.0, 2, 600.0)  # no intact scene looks like it
DISPLACEMENT_RULE = FaultRule(3, 4, 1800.0)
PARKING_RULE = FaultRule(4, 5, 10800.0)  # a vehicle may park there for a while


@dataclass(frozen=True, slots=True)
class FamilyProperties:
    """Severity, Chinese name, rule and kind of a fault family."""

    severity: int  # 1 evidence is being lost … 4 cosmetic
    chinese: str
    rule: FaultRule
    kind: FaultKind
    # Faults of these families explain this one: it is not judged while one of them is found.
    explained_by: tuple[FaultFamily, ...] = ()


_F, _K = FaultFamily, FaultKind
NO_VIDEO = (_F.UNREACHABLE, _F.NO_STREAM, _F.AUTH)  # the camera sends nothing
_BLIND = (*NO_VIDEO, _F.NO_SIGNAL, _F.BLACK)
# The keys are families; text from the database is accepted as a key.
FAMILIES: Mapping[str, FamilyProperties] = {
    _F.UPLINK: FamilyProperties(1, "上联中断", COUNTER_RULE, _K.REACH),
    _F.UNREACHABLE: FamilyProperties(1, "不可达", COUNTER_RULE, _K.REACH),
    _F.AUTH: FamilyProperties(1, "认证被拒", COUNTER_RULE, _K.REACH),
    _F.NO_STREAM: FamilyProperties(1, "无码流", COUNTER_RULE, _K.STREAM, (_F.UNREACHABLE, _F.AUTH)),
    _F.FLAPPING: FamilyProperties(2, "时断时续", UNMISTAKABLE_RULE, _K.STREAM),
    _F.LOW_FPS: FamilyProperties(2, "帧率低", STREAM_RULE, _K.STREAM, NO_VIDEO),
    _F.LOW_BITRATE: FamilyProperties(3, "码率低", STREAM_RULE, _K.STREAM, (*_BLIND, _F.FROZEN)),
    _F.LOSS: FamilyProperties(2, "丢包", STREAM_RULE, _K.STREAM, NO_VIDEO),
    _F.PARAMETERS: FamilyProperties(3, "参数改变", UNMISTAKABLE_RULE, _K.STREAM, NO_VIDEO),
    _F.GOP: FamilyProperties(4, "关键帧间隔大", UNMISTAKABLE_RULE, _K.STREAM, NO_VIDEO),
    _F.CORRUPT: FamilyProperties(2, "关键帧损坏", UNMISTAKABLE_RULE, _K.STREAM, NO_VIDEO),
    _F.TIMESTAMPS: FamilyProperties(3, "时间戳异常", STREAM_RULE, _K.STREAM, NO_VIDEO),
    _F.GAPS: FamilyProperties(2, "录像缺失", COUNTER_RULE, _K.RECORDING),
    _F.RETENTION: FamilyProperties(2, "录像天数不足", COUNTER_RULE, _K.RECORDING),
    _F.FORECAST: FamilyProperties(2, "录像将不足", COUNTER_RULE, _K.STATION),
    _F.INDEX: FamilyProperties(1, "录像与索引不符", COUNTER_RULE, _K.RECORDING),
    _F.NO_SIGNAL: FamilyProperties(1, "无视频信号", UNMISTAKABLE_RULE, _K.PICTURE, NO_VIDEO),
    _F.BLACK: FamilyProperties(1, "黑屏", UNMISTAKABLE_RULE, _K.PICTURE, NO_VIDEO),
    _F.FROZEN: FamilyProperties(1, "画面冻结", UNMISTAKABLE_RULE, _K.PICTURE, _BLIND),
    _F.BLOCKING: FamilyProperties(2, "花屏", UNMISTAKABLE_RULE, _K.PICTURE, _BLIND),
    _F.COVERED: FamilyProperties(1, "遮挡", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.PARTIAL_OCCLUSION: FamilyProperties(2, "部分遮挡", PARKING_RULE, _K.PICTURE, (*_BLIND, _F.COVERED)),
    _F.MOVED: FamilyProperties(2, "移位", DISPLACEMENT_RULE, _K.PICTURE, _BLIND),
    _F.BLURRED: FamilyProperties(2, "模糊", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.BLURRED_PART: FamilyProperties(3, "局部模糊", PARKING_RULE, _K.PICTURE, (*_BLIND, _F.BLURRED)),
    _F.OVEREXPOSED: FamilyProperties(2, "过曝", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.UNDEREXPOSED: FamilyProperties(2, "过暗", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.HAZE: FamilyProperties(3, "蒙尘起雾", PARKING_RULE, _K.PICTURE, _BLIND),
    _F.COLOUR_CAST: FamilyProperties(3, "偏色", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.MONOCHROME: FamilyProperties(3, "白天无彩色", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.NOISE: FamilyProperties(3, "噪点", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.BANDING: FamilyProperties(3, "条纹", PICTURE_RULE, _K.PICTURE, _BLIND),
    _F.SHAKING: FamilyProperties(3, "抖动", DISPLACEMENT_RULE, _K.PICTURE, _BLIND),
    _F.CLOCK: FamilyProperties(2, "时钟偏差", COUNTER_RULE, _K.CLOCK),
    _F.CARD: FamilyProperties(3, "存储卡异常", COUNTER_RULE, _K.DEVICE),
    _F.PTZ: FamilyProperties(3, "云台异常", COUNTER_RULE, _K.DEVICE, NO_VIDEO),
    _F.EVENTS: FamilyProperties(4, "事件上报中断", COUNTER_RULE, _K.DEVICE, NO_VIDEO),
    _F.OSD_TIME: FamilyProperties(3, "画面时间错误", PICTURE_RULE, _K.OSD, _BLIND),
    _F.OSD_NAME: FamilyProperties(4, "画面名称缺失", PICTURE_RULE, _K.OSD, _BLIND),
    _F.VOLUME: FamilyProperties(1, "存储卷故障", COUNTER_RULE, _K.STATION),
    _F.PATROL: FamilyProperties(1, "巡检停顿", COUNTER_RULE, _K.STATION),
    _F.REGISTER: FamilyProperties(1, "登记与签署不符", PROVED_RULE, _K.STATION),
}  # fmt: skip
NO_VIDEO_FAMILIES = frozenset(NO_VIDEO)
# The camera sends nothing although its credential is right: a fault of the camera or of its up-link.
OUTAGE_FAMILIES = frozenset({_F.UNREACHABLE, _F.NO_STREAM})
PICTURE_FAMILIES = tuple(f for f in FaultFamily if FAMILIES[f].kind is FaultKind.PICTURE)

# Names up to schema version 0035b. Signed registers, stored reports and audit rows still contain them.
FORMER_NAMES: Mapping[str, FaultFamily] = {
    "veil": _F.HAZE, "cast": _F.COLOUR_CAST, "covered_part": _F.PARTIAL_OCCLUSION, "stripes": _F.BANDING,
    "mosaic": _F.BLOCKING,
}  # fmt: skip


def chinese_name(family: str) -> str:
    """Return the Chinese name of a family, also of a former name; an unknown name is returned unchanged."""
    known = FAMILIES.get(FORMER_NAMES.get(family, family))
    return known.chinese if known is not None else family
