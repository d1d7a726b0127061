"""Numbers in phrases: digits, Chinese numerals with approximate ones (两三, 二三十), English ones below a hundred."""

from __future__ import annotations

DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
ENGLISH = {
    w: i
    for i, w in enumerate(
        (
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
        ), 1,
    )
}  # fmt: skip
ENGLISH_TENS = {
    w: i * 10 for i, w in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2)
}
_TENS_WORDS = "|".join(ENGLISH_TENS)
_ENGLISH_WORDS = rf"(?:{_TENS_WORDS})(?:[\s-](?:{'|'.join(list(ENGLISH)[:9])}))?|{'|'.join(ENGLISH)}"
CHINESE_NUMBER = "[零〇一二两三四五六七八九十]{1,4}"
NUMBER = rf"(?:\d{{1,3}}|{CHINESE_NUMBER})"
ENGLISH_NUMBER = rf"(?:\d{{1,3}}|(?:{_ENGLISH_WORDS})\b)"


def parse_number(text: str) -> tuple[int, int] | None:
    """Parse 12, 十二, 二十, 两, twelve or twenty-five as (n, n), approximate ones as (lowest, highest): 两三 (2, 3).

    Returns None if the text is not a number.
    """
    if not text:
        return None
    if text.isdigit():
        return int(text), int(text)
    if text in ENGLISH:
        return ENGLISH[text], ENGLISH[text]
    if text.isascii():
        tens, _, ones = text.replace("-", " ").partition(" ")
        number = ENGLISH_TENS.get(tens, 0) + ENGLISH.get(ones, 0)
        return (number, number) if number else None
    tens, ten, ones = text.partition("十")
    if not ten:
        return _spelled_digits(text)
    if "十" in ones:
        return None
    low_ten, high_ten = _spelled_digits(tens) if tens else (1, 1)
    low, high = _spelled_digits(ones) if ones else (0, 0)
    if low_ten == 0 or max(high_ten, high) > 9:
        return None
    return low_ten * 10 + low, high_ten * 10 + high


def whole_number(text: str) -> int | None:
    """Return the number that a text means, None for no number and for an approximate one."""
    found = parse_number(text)
    return found[0] if found is not None and found[0] == found[1] else None


def _spelled_digits(text: str) -> tuple[int, int]:
    """Read digits by their place (一〇五: 105), or two neighbouring ones as an approximate number (两三, 三五)."""
    digits = [DIGITS[c] for c in text]
    if len(digits) == 2 and digits[0] > 0 and (digits[1] == digits[0] + 1 or digits == [3, 5]):
        return digits[0], digits[1]
    number = int("".join(map(str, digits)))
    return number, number
