"""Movements in phrases: 从南往北, 朝东北方向, from south to north, 冲着摄像头, 从左边跑到右边, away from the camera.

What is named last is where somebody goes. A side of the map from which somebody comes, or at which a place lies
(in the north), is no heading and is shown as not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from search.query.words.lexicon import Token, WordRole

_COMPASS = {
    "东北": "northeast", "西北": "northwest", "东南": "southeast", "西南": "southwest", "东": "east", "西": "west",
    "南": "south", "北": "north",
}  # fmt: skip
_SIDES = {"左": "left", "右": "right", "left": "left", "right": "right"}
_D = r"正?(东北|西北|东南|西南|东|西|南|北)"
_SIDE = r"(?:边儿?|面|方|侧|部)?"
# 往东门: a place, not a heading.
_NO_PLACE = r"(?![门村街路店桥庄镇湖山京宁莞城郊岸楼校区院站头阳关海河江岙]|大[街路道桥门])"
_GONE = r"(?:方向)?(?:而)?(?:走|开|行驶|驶|行|去|来|拐|转)?(?:了|着)?"
_FROM, _TO = r"(?:从|由|自|打)", r"(?:往|向|朝|到|至|奔|去|→|->)着?"
_MOVES = r"(走|跑|开|骑|行驶|飞奔|狂奔|奔跑|步行|散步|移动|穿)?"  # between both ends; it may be a speed: 从左边跑到右边
_SHOWN = r"(?:(?:画面|屏幕|镜头|图像|视频)(?:的|里|中)?)?"
_LR = rf"{_SHOWN}(左|右)[上下]?(?:手边|边儿?|侧|面|方)?"
_CAMERA = r"(?:这个|该)?(?:镜头|摄像头|摄像机|监控(?:探头)?|探头|相机|球机|枪机|画面)"
_E_D = r"(?:due\s)?(north|south|east|west)(?:[\s-]?(east|west)\b|\b)"
_E_SIDE = r"(?:\s(?:side|end))?"
_E_CAMERA = r"(?:(?:the|this|our|my)\s)?(?:camera|cam|cctv|lens)\b"
_E_PLACES = (
    r"(?![\s-](?:gate|side|end|entrance|exit|road|street|bank|part|corner|wing|door|bridge|station|lane|avenue|field|"
    r"wall|of|facing)\b)"
)
_E_MOVES = (
    r"(?:heading|headed|heads|going|went|goes|go|gone|moving|moved|moves|walking|walked|walks|running|ran|runs|driving|"
    r"drove|drives|riding|rode|rides|cycling|turning|turned|turns|travelling|traveling|crossing|facing|off)"
)
Meaning = tuple[WordRole, str]


def _heading(match: re.Match[str]) -> Meaning:
    return WordRole.HEADING, _COMPASS[match["to"]]


def _english_heading(match: re.Match[str]) -> Meaning:
    return WordRole.HEADING, match["d"] + (match["half"] or "")


def _side(match: re.Match[str]) -> Meaning:
    return WordRole.DIRECTION, _SIDES[match["to"]]


def _fixed(role: WordRole, value: str) -> Callable[[re.Match[str]], Meaning]:
    return lambda _: (role, value)


_TOWARDS, _AWAY = _fixed(WordRole.DIRECTION, "down"), _fixed(WordRole.DIRECTION, "up")
_NOT_KNOWN = _fixed(WordRole.UNKNOWN, "")
_TARGET = _D.replace("(", "(?P<to>", 1)
_E_TARGET = _E_D.replace("(north", "(?P<d>north", 1).replace("(east|west)", "(?P<half>east|west)", 1)
_LR_TARGET = _LR.replace("(左|右)", "(?P<to>左|右)")
_VERB = _MOVES.replace("(", "(?P<verb>", 1)
_READINGS = [  # the first that fits a position counts
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (rf"(?:{_FROM}的?)?{_D}{_SIDE}{_VERB}{_TO}{_TARGET}{_NO_PLACE}{_SIDE}{_GONE}", _heading),
        (rf"{_FROM}{_D}{_SIDE}(?:方向)?(?:过来|开来|走来|来)", _NOT_KNOWN),
        (rf"(?:往|面?朝|面?向|奔|冲|奔向|开往|驶往|驶向|去往)着?了?{_TARGET}{_NO_PLACE}{_SIDE}{_GONE}", _heading),
        (rf"(?:车头|车尾|车身|大门|脸)(?:朝|向|对)着?{_D}{_SIDE}", _NOT_KNOWN),
        (rf"{_TARGET}{_SIDE}方向{_GONE}", _heading),
        (r"(?P<to>[东南西北])(?:行|向行驶|去)(?![为李业动])", _heading),
        (r"北上", _fixed(WordRole.HEADING, "north")),
        (r"南下", _fixed(WordRole.HEADING, "south")),
        (rf"{_FROM}{_LR}{_VERB}{_TO}{_LR_TARGET}{_GONE}", _side),
        (rf"{_LR}{_VERB}(?:往|向|到|至|→|->){_LR_TARGET}{_GONE}", _side),
        (rf"(?:往|面?朝|面?向|靠|偏)着?{_LR_TARGET}{_GONE}", _side),
        (
            rf"(?:背对|背朝|背向|背着|背离|背|远离|驶离|离开|开离|走离|逃离)[着了]?{_CAMERA}(?:方向)?(?:离开|离去|远去|走开|走)?",
            _AWAY,
        ),
        (
            rf"(?:离|距){_CAMERA}(?:越来越远|远去|渐远)|越[走开跑骑]越远|渐行渐远|由近[及到至而]远|[往朝向]远处|远去|开远|跑远",
            _AWAY,
        ),
        (
            rf"(?:面对|正对|对|面朝|朝向|朝|面向|走向|开向|驶向|跑向|向|冲|迎|奔|往|靠近|走近|逼近|接近)[着准]?{_CAMERA}"
            r"(?:方向|这边|这里)?(?:走过来|走来|开过来|开来|驶来|走|过来|来)?",
            _TOWARDS,
        ),
        (r"越[走开跑骑]越近|越来越近|由远[及到至而]近", _TOWARDS),
        (
            rf"(?:from\s(?:the\s)?)?{_E_D}{_E_SIDE}(?:\s(?P<verb>walking|running))?[\s-](?:to|towards?|into)[\s-](?:the\s)?"
            rf"{_E_TARGET}{_E_SIDE}",
            _english_heading,
        ),
        (rf"(?:coming\s)?from\s(?:the\s)?{_E_D}|(?:in|at|on)\sthe\s{_E_D}", _NOT_KNOWN),
        (r"(?P<d>north|south|east|west)(?P<half>east|west)?-?(?:bound|wards?)\b", _english_heading),
        (rf"(?:(?:to|towards?)\s(?:the\s)?)?{_E_TARGET}{_E_PLACES}", _english_heading),
        (
            r"(?:from\s(?:the\s)?)?(?:left|right)(?:[\s-]hand)?(?:\sside)?[\s-]to[\s-](?:the\s)?(?P<to>left|right)\b"
            r"(?:[\s-]hand)?(?:\sside)?",
            _side,
        ),
        (r"(?:(?:to|towards?)\s(?:the|his|her|its)\s)(?P<to>left|right)\b(?:[\s-]hand)?(?:\sside)?", _side),
        (r"(?P<to>left|right)wards?\b", _side),
        (
            rf"away\sfrom\s{_E_CAMERA}|(?:with\s)?(?:(?:his|her|their|its|the)\s)?backs?\s(?:turned\s)?(?:to|towards?)\s"
            rf"{_E_CAMERA}|leaving\s{_E_CAMERA}|(?:off\s)?into\sthe\sdistance|facing\saway(?:\sfrom\s{_E_CAMERA})?",
            _AWAY,
        ),
        (rf"(?:towards?|at|into|facing|approaching|nearing|closer\sto|up\sto)\s{_E_CAMERA}", _TOWARDS),
    )
]
_MOVED_TO = re.compile(rf"\b{_E_MOVES}\s(?:off\s|over\s)?(?P<to>left|right)\b(?!\s(?:the|behind|beside|past|turn))")
# What a reading may begin with; other characters are passed without trying every pattern.
_FIRST = frozenset(
    "从由自打正东西南北往面朝向奔冲开驶去左右车大脸画屏镜图视靠偏背远离距走逃越渐跑对迎逼接nsewfctdlrahipbuo"
)


def directions_in(text: str) -> Iterator[Token]:
    """Yield the headings on the map and the directions in the picture of a normalised text."""
    sides = {m.start("to"): m for m in _MOVED_TO.finditer(text)}
    at = 0
    while at < len(text):
        if text[at] not in _FIRST or _is_inside_word(text, at):
            at += 1
            continue
        if at in sides:
            yield Token(*_side(sides[at]), at, sides[at].end())
            at = sides[at].end()
            continue
        found = next(((m, meaning) for pattern, meaning in _READINGS if (m := pattern.match(text, at))), None)
        if found is None:
            at += 1
            continue
        match, meaning = found
        role, value = meaning(match)
        verb = match.span("verb") if "verb" in match.re.groupindex and match["verb"] else None
        if verb is None:
            yield Token(role, value, at, match.end())
        else:  # the verb in the middle is read by the dictionary
            yield Token(role, value, at, verb[0])
            yield Token(role, value, verb[1], match.end())
        at = match.end()


def _is_inside_word(text: str, at: int) -> bool:
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])
