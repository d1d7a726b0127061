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
_FULL = re.compile(rf"[{_PROVINCES}] ?[a-z]{_HAS_DIGIT}[ ·•.-]?[a-z0-9]{{4,6}}[挂学警港澳]?(?![a-z0-9])")
_IS = r"(?:的?(?:数字?|号码?|字母)?(?:是|为|叫|以|:|：)|\s)?\s?"
_WORD = r"(?:车牌号码?|车牌|牌照号?码?|号牌号?码?|牌号|车号)"
_SPOKEN = dict(zip("幺洞零〇一二两三四五六七拐八九勾", "1000122345677899", strict=True))
_DIGITS = rf"(?:[a-z0-9]{{1,6}}|[{''.join(_SPOKEN)}]{{2,6}})(?![a-z0-9])"
_COUNT = r"[一两二三四五六几1-6]\s?(?:位|个)(?:数字?|号码?|字母|字)?"
_LAST = rf"(?:末尾{_COUNT}|末?尾号|尾数|末尾|结尾|尾巴|(?:最后|最末|最尾|末尾|末|后)(?:面|的)?{_COUNT})"
_FIRST = rf"(?:(?:最前|前|头|开头)(?:面|的)?{_COUNT}|开头)"
_BEGUN = rf"([{_PROVINCES}][a-z][·•.]?[a-z0-9]{{0,4}})"
_END = re.compile(rf"(?:{_WORD}\s?的?)?{_LAST}{_IS}({_DIGITS})的?(?:结尾|收尾)?")
_BEGIN = re.compile(
    rf"(?:{_WORD}{_IS})?(?:以|用|由)?{_BEGUN}(?:开头|打头|起头|开始的?|牌照|号牌|的?牌)|(?:{_WORD}的?){_FIRST}{_IS}"
    rf"(?:{_BEGUN}|({_DIGITS}))"
)
_PART = re.compile(
    rf"{_WORD}(?:的?(?:正?中间|当中|之中|里面|里头|上面?|中|里|内))?(?:的|几位|部分)?(?:含有?|包含|包括|带有?|有|出现|夹着)?{_IS}"
    rf"([{_PROVINCES}][a-z][·•.-]?[a-z0-9]{{0,6}}|(?=[a-z0-9]{{0,6}}\d)[a-z0-9]{{1,8}})(?![a-z0-9])(开头|打头|起头|结尾|收尾)?"
)
_E_PLATE = r"(?:(?:number|licence|license|registration|index)\s)?(?:plates?|registration|reg|vrm)\b"
_E_VALUE = rf"(?P<plate>(?=[a-z]{{0,3}}\d|[{_PROVINCES}])[{_PROVINCES}]?[a-z0-9]{{1,8}})(?![a-z0-9])"
_E_NUMBERS = r"(?:one|two|three|four|five|few|\d)?\s?(?:digits?|characters?|letters?|numbers?|figures?)"
_ENGLISH = re.compile(
    rf"(?:(?:with|on|whose)\s)?(?:(?:a|the|its|his)\s)?{_E_PLATE}(?:\s(?:number|no\.?|mark))?:?"
    r"(?:\s(?:that|which))?(?:\s(?P<how>ending|ends?|ended|finishing|finish(?:es)?|beginning|begins?|starting|starts?|"
    r"containing|contains?|contained|including|includes?|has|have|having|is|was|reads|reading|with))?"
    rf"(?:\s(?:in|with|on|is|the))?\s{_E_VALUE}(?:\s(?:in\s(?:the\smiddle|it)|somewhere(?:\sin\sit)?))?"
)
_ENGLISH_DIGITS = re.compile(
    rf"(?:the\s)?(?P<how>last|final|first)\s{_E_NUMBERS}(?:\s(?:of|on|in)\s(?:the|its|his)\s{_E_PLATE})?\s?"
    rf"(?:are|is|were|was|being|as|:)?\s{_E_VALUE}"
)
_SPOKEN_DIGITS = str.maketrans(_SPOKEN)
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
        return _token(match, (match[1] or match[2] or match[3]) + "*")
    if match := _PART.match(text, at):
        where = match[2]
        return _token(match, f"*{match[1]}" if where in ("结尾", "收尾") else f"{match[1]}*" if where else match[1])
    if match := _ENGLISH_DIGITS.match(text, at):
        return _token(match, f"{match['plate']}*" if match["how"] == "first" else f"*{match['plate']}")
    if match := _ENGLISH.match(text, at):
        how, plate = match["how"] or "", match["plate"]
        return _token(
            match, f"*{plate}" if how.startswith(("end", "fin")) else f"{plate}*" if how[:1] in ("b", "s") else plate
        )
    return None


def _token(match: re.Match[str], plate: str) -> Token:
    return Token(WordRole.PLATE, plate.translate(_DOTS).translate(_SPOKEN_DIGITS).upper(), match.start(), match.end())


def _is_inside_word(text: str, at: int) -> bool:
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])
