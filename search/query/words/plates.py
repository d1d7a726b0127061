"""Registration plates in phrases: 京A12345, 粤B·D12345, 车牌尾号668, plate ending 668, 浙B开头.

Values are those of the filter: capital letters and digits; `*668` is the end of a plate, `浙B*` its beginning, anything
else a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from search.query.words.lexicon import Token, WordRole

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_HAS_DIGIT = r"(?=[a-z0-9 ·•.-]{0,7}\d)"
_FULL = re.compile(rf"[{_PROVINCES}][a-z]{_HAS_DIGIT}[ ·•.-]?[a-z0-9]{{4,6}}[挂学警港澳]?(?![a-z0-9])")
_IS = r"(?:的?(?:是|为)|[:：]|\s)?\s?"
_WORD = r"(?:车牌号码?|车牌|牌照号?码?|牌号|车号)"
_END = re.compile(
    rf"(?:{_WORD}\s?(?:的)?)?(?:末?尾号|尾数|末尾|后[两三四二3-5]位){_IS}([a-z0-9]{{1,6}})(?![a-z0-9])(?:的)?"
)
_BEGIN = re.compile(rf"(?:{_WORD}{_IS})?([{_PROVINCES}][a-z][a-z0-9]{{0,4}})(?:开头|打头|牌照|牌|号牌)")
_PART = re.compile(
    rf"{_WORD}(?:中|里)?(?:含有?|包含|带有?|有)?{_IS}"
    rf"([{_PROVINCES}][a-z][·•.-]?[a-z0-9]{{0,6}}|(?=[a-z0-9]{{0,6}}\d)[a-z0-9]{{1,8}})(?![a-z0-9])(开头|打头|结尾)?"
)
_ENGLISH = re.compile(
    r"(?:(?:with|on)\s)?(?:(?:a|the)\s)?(?:(?:number|licence|license|registration)\s)?(?:plates?|registration)\b"
    r"(?:\s(?:number|no\.?))?"
    r"(?:\s(?P<how>ending|ends|beginning|begins|starting|starts|containing|contains|has|having|is|was|with))?"
    rf"(?:\s(?:in|with|on))?\s(?P<plate>(?=[a-z]{{0,3}}\d|[{_PROVINCES}])[{_PROVINCES}]?[a-z0-9]{{1,8}})(?![a-z0-9])"
)
_DOTS = str.maketrans("", "", " ·•.-")


def plates_in(text: str) -> Iterator[Token]:
    """Yield the plates of a normalised text."""
    at = 0
    while at < len(text):
        found = None if _is_inside_word(text, at) else _plate_at(text, at)
        if found is None:
            at += 1
            continue
        yield found
        at = found.end


def _plate_at(text: str, at: int) -> Token | None:
    if match := _FULL.match(text, at):
        return _token(match, match.group())
    if match := _END.match(text, at):
        return _token(match, "*" + match[1])
    if match := _BEGIN.match(text, at):
        return _token(match, match[1] + "*")
    if match := _PART.match(text, at):
        where = match[2]
        return _token(match, f"*{match[1]}" if where == "结尾" else f"{match[1]}*" if where else match[1])
    if match := _ENGLISH.match(text, at):
        how, plate = match["how"] or "", match["plate"]
        return _token(match, f"*{plate}" if how.startswith("end") else f"{plate}*" if how[:1] in ("b", "s") else plate)
    return None


def _token(match: re.Match[str], plate: str) -> Token:
    return Token(WordRole.PLATE, plate.translate(_DOTS).upper(), match.start(), match.end())


def _is_inside_word(text: str, at: int) -> bool:
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])
