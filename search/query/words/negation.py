"""Negations: 不是白色的面包车, 没戴头盔, not wearing a coat, vans except white ones.

A negation reaches to the next colour, class or attribute, and over "or" to the ones joined to it. What it negates
becomes an exclusion; what cannot be excluded (a time, a village, a part of a class) is shown as not understood with its
negation, and restricts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search.query.chips import ChipKind
from search.query.words.lexicon import SKIPPED, Token, WordRole, dictionary
from search.query.words.reading import Reading

TWO_WHEELERS = frozenset({"ebike", "bicycle", "two_wheeler"})
LOWER_ATTRIBUTES = frozenset({"long_trousers"})
UPPER_ATTRIBUTES = frozenset({"long_sleeves", "coat_or_jacket"})
_JOINS = frozenset({WordRole.ALTERNATIVE, WordRole.CONJUNCTION})
_NOTED = frozenset({"mask", "glasses", "umbrella"})  # of these also the absence has an explanation
_MAX_SKIPPED = 5
_EXCEPTABLE = frozenset({WordRole.CLS, WordRole.COLOUR, WordRole.ATTRIBUTE, WordRole.COAT})
_ALSO_BEHIND = frozenset(
    {
        "不算",
        "不要",
        "不看",
        "不找",
        "不查",
        "不考虑",
        "不包括",
        "不包含",
        "不含",
        "排除",
        "排除掉",
        "去掉",
        "剔除",
        "忽略",
        "不需要",
    }
)
_QUESTIONS = frozenset({"没有", "没"})  # behind a verb: 从村里出来没有
_STATES = ("戴", "背着", "背个", "拎", "提着", "拿", "打", "撑", "扎", "挎", "梳", "留", "披", "头发")  # 没背包、戴帽子
_PARTICLES = frozenset({"了", "的", "吧", "啊", "哈", "呢", "就行", "就好"})


def read(reading: Reading) -> None:
    """Replace negations and what they negate by exclusions."""
    reading.tokens = [_excepted(reading.tokens, i) for i in range(len(reading.tokens))]
    while (at := _first(reading.tokens, WordRole.NEGATION)) is not None:
        _read_one(reading, at)
    while (at := _first(reading.tokens, WordRole.EXCEPTED)) is not None:
        _read_excepted(reading, at)


def _excepted(tokens: Sequence[Token], at: int) -> Token:
    """Return the token; one that excludes what stands before it (狗不算, 白的不要) with that role."""
    token = tokens[at]
    if token.role is not WordRole.NEGATION or token.word not in _ALSO_BEHIND | _QUESTIONS:
        return token
    after, before = at + 1, at - 1
    while after < len(tokens) and tokens[after].word in _PARTICLES:
        after += 1
    while before >= 0 and tokens[before].role in SKIPPED:
        before -= 1
    ends = after == len(tokens) or tokens[after].role is WordRole.BREAK
    if token.word in _QUESTIONS:
        return replace(token, role=WordRole.FILLER, value="") if ends and at - before > 1 else token
    return (
        replace(token, role=WordRole.EXCEPTED) if ends and before >= 0 and tokens[before].role in _EXCEPTABLE else token
    )


def _first(tokens: Sequence[Token], role: WordRole) -> int | None:
    return next((i for i, t in enumerate(tokens) if t.role is role), None)


def _read_one(reading: Reading, at: int) -> None:
    tokens = reading.tokens
    subject = _after(tokens, at + 1)
    if subject is None:
        reading.refuse(tokens[at : _end_of_unknown(tokens, at + 1)])
        return
    token = tokens[subject]
    if token.role is WordRole.COLOUR:
        _exclude_colours(reading, at, subject)
        return
    items = _list(tokens, subject)
    if token.role is WordRole.CLS:
        _exclude_classes(reading, tokens[at : items[-1] + 1], [tokens[i] for i in items])
    elif token.role in (WordRole.ATTRIBUTE, WordRole.COAT) or (token.role is WordRole.THING and token.value in _NOTED):
        _exclude_attributes(reading, tokens[at : items[-1] + 1], [tokens[i] for i in items])
    else:
        reading.refuse(tokens[at : subject + 1])


def _after(tokens: Sequence[Token], at: int) -> int | None:
    """Return the index of what a negation refers to; None if the phrase breaks off before it."""
    for i in range(at, min(len(tokens), at + _MAX_SKIPPED + 1)):
        role = tokens[i].role
        if role in (WordRole.BREAK, WordRole.UNKNOWN, WordRole.NEGATION, WordRole.EXCEPTED, *_JOINS):
            return None
        if role not in SKIPPED and role not in (WordRole.DRIVING, WordRole.PUSHING):
            return i
    return None


def _end_of_unknown(tokens: Sequence[Token], at: int) -> int:
    """Return where a negation of an unknown word ends: with the thing behind it, which it may deny (没XX头盔)."""
    end = at
    passed = (WordRole.UNKNOWN, WordRole.DRIVING, WordRole.WEARING, WordRole.LINK)
    while end < len(tokens) and tokens[end].role in passed:
        end += 1
    if end > at and tokens[end - 1].role is not WordRole.UNKNOWN:
        return at
    things = (WordRole.ATTRIBUTE, WordRole.COAT, WordRole.THING, WordRole.GARMENT, WordRole.COLOUR)
    return end + 1 if at < end < len(tokens) and tokens[end].role in things else end


def _list(tokens: Sequence[Token], first: int) -> list[int]:
    """Return the indexes of a token and of those of a kin role that a conjunction joins to it."""
    roles = (
        {WordRole.CLS} if tokens[first].role is WordRole.CLS else {WordRole.ATTRIBUTE, WordRole.COAT, WordRole.THING}
    )
    found, at = [first], first + 1
    while at < len(tokens) and tokens[at].role in _JOINS:
        at += 1
        while at < len(tokens) and tokens[at].role is WordRole.LINK:
            at += 1
        if at < len(tokens) and tokens[at].role in roles and not tokens[at].word.startswith(_STATES):
            found.append(at)
            at += 1
        else:
            break
    return found


def _exclude_classes(reading: Reading, scope: list[Token], items: list[Token]) -> None:
    negated = {t for t in items if _is_whole_class(t)}
    positive = {t.value for t in reading.tokens if t.role is WordRole.CLS and t not in scope}
    if len(negated) < len(items) or {t.value for t in items} & positive:
        reading.refuse(scope)  # "not a taxi" would exclude every car
        return
    start = scope[0].start
    for token in items:
        reading.add(ChipKind.NOT_CLS, token.value, start, token.end)
        start = token.end
    reading.take(scope)


def _is_whole_class(token: Token) -> bool:
    """Return whether a word names a whole class: an old man or a taxi is only a part of one."""
    whole = dictionary().whole
    forms = (token.word, token.word.removesuffix("s"), token.word.removesuffix("es"))
    return token.value != "unknown" and any(form in whole for form in forms)


def _exclude_attributes(reading: Reading, scope: list[Token], items: list[Token]) -> None:
    start = scope[0].start
    for token in items:
        value = "coat_or_jacket" if token.role is WordRole.COAT else token.value
        if token.role is not WordRole.THING:
            reading.add(ChipKind.LACKING, value, start, token.end)
        elif value in _NOTED:
            reading.add(ChipKind.NOTE, f"no_{value}", start, token.end)
        else:
            reading.add(ChipKind.NOTE, value, start, token.end)
        start = token.end
    reading.take(scope)


def _exclude_colours(reading: Reading, at: int, first: int) -> None:
    """Exclude colours of the part that they stand at: 不是白色或黑色的面包车, 不穿红衣服."""
    tokens = reading.tokens
    colours, end = [tokens[first]], first + 1
    while end < len(tokens) and tokens[end].role in (*_JOINS, WordRole.LINK, WordRole.COLOUR):
        if tokens[end].role is WordRole.COLOUR:
            colours.append(tokens[end])
        elif tokens[end].role in _JOINS and not _colour_follows(tokens, end + 1):
            break
        end += 1
    noun = tokens[end] if end < len(tokens) else None
    scope = tokens[at:end]
    part = _part(noun, tokens, scope)
    if part is None:
        reading.refuse(tokens[at : end + 1] if noun is not None and noun.role is not WordRole.CLS else scope)
        return
    others = [t for t in tokens if t.role is WordRole.CLS and t is not noun]
    if noun is not None and noun.role is WordRole.CLS and _bare_garment(tokens, at) is None:
        if tokens[at].value == "exclude" and others:
            reading.refuse(tokens[at : end + 1])  # white vans cannot be excluded from all vehicles
            return
    elif noun is not None and noun.role in (WordRole.GARMENT, WordRole.COAT):
        scope = tokens[at : end + 1]
    elif (bare := _noun_before(tokens, tokens[at])) is not None and bare.role in (WordRole.GARMENT, WordRole.COAT):
        reading.denied.append(bare)
    start = scope[0].start
    for colour in colours:
        last = scope[-1].end if colour is colours[-1] else colour.end
        reading.add(part, colour.value, start, max(last, colour.end))
        start = colour.end
    reading.take(scope)


def _colour_follows(tokens: Sequence[Token], at: int) -> bool:
    while at < len(tokens) and tokens[at].role in (WordRole.LINK, WordRole.NEGATION):
        at += 1
    return at < len(tokens) and tokens[at].role is WordRole.COLOUR


def _part(noun: Token | None, tokens: Sequence[Token], scope: Sequence[Token]) -> ChipKind | None:
    """Return what is excluded of the noun behind a negated colour; None if that cannot be searched."""
    if noun is not None and noun.role in (WordRole.GARMENT, WordRole.COAT):
        return ChipKind.NOT_LOWER if noun.value == "lower" else ChipKind.NOT_UPPER
    if (bare := _bare_garment(tokens, tokens.index(scope[0]))) is not None:  # 裤子不是黑色的男子
        return ChipKind.NOT_LOWER if bare.value == "lower" else ChipKind.NOT_UPPER
    if noun is not None and noun.role is WordRole.CLS:
        return None if noun.value in TWO_WHEELERS else ChipKind.NOT_UPPER
    if noun is not None and noun.role in (WordRole.ATTRIBUTE, WordRole.LACKING):
        if noun.value in LOWER_ATTRIBUTES:
            return ChipKind.NOT_LOWER
        return ChipKind.NOT_UPPER if noun.value in UPPER_ATTRIBUTES else None
    if noun is not None and noun.role is WordRole.THING:
        return None
    before = _noun_before(tokens, scope[0])
    if before is not None and before.role is not WordRole.CLS:  # 裤子不是黑色
        return None if before.role is WordRole.THING else _part(before, tokens, scope)
    classes = {t.value for t in tokens if t.role is WordRole.CLS}
    return None if classes and classes <= TWO_WHEELERS else ChipKind.NOT_UPPER


def _bare_garment(tokens: Sequence[Token], at: int) -> Token | None:
    """Return the garment that stands right before a negation and has no colour of its own."""
    before = at - 1
    while before >= 0 and tokens[before].role in (WordRole.LINK, WordRole.FILLER):
        before -= 1
    if before < 0 or tokens[before].role not in (WordRole.GARMENT, WordRole.COAT):
        return None
    coloured = before > 0 and tokens[before - 1].role in (WordRole.COLOUR, WordRole.LINK)
    return None if coloured else tokens[before]


def _noun_before(tokens: Sequence[Token], negation: Token) -> Token | None:
    nouns = (WordRole.GARMENT, WordRole.COAT, WordRole.THING, WordRole.CLS)
    return next((t for t in reversed(tokens) if t.end <= negation.start and t.role in nouns), None)


def _read_excepted(reading: Reading, at: int) -> None:
    """Read a negation that stands behind what it negates: 骑车的除外, white excluded."""
    tokens = reading.tokens
    subject = at - 1
    while subject >= 0 and at - subject <= _MAX_SKIPPED and tokens[subject].role in SKIPPED:
        subject -= 1
    if subject < 0 or tokens[subject].role not in _EXCEPTABLE:
        reading.refuse(tokens[at : at + 1])
        return
    items = _list_before(tokens, subject)
    first = items[0]
    scope, token, named = tokens[first : at + 1], tokens[subject], [tokens[i] for i in items]
    if token.role is WordRole.CLS:
        before = first - 1
        while before >= 0 and tokens[before].role is WordRole.LINK:
            before -= 1
        if before >= 0 and tokens[before].role is WordRole.COLOUR:  # white vans cannot be excluded from all vehicles
            reading.refuse(tokens[before : at + 1])
        else:
            _exclude_classes(reading, scope, named)
    elif token.role is WordRole.COLOUR:
        for colour in named:
            end = scope[-1].end if colour is token else colour.end
            reading.add(ChipKind.NOT_UPPER, colour.value, colour.start, end)
        reading.take(scope)
    else:
        _exclude_attributes(reading, scope, named)


def _list_before(tokens: Sequence[Token], last: int) -> list[int]:
    """Return the indexes of a token and of those of its role that a conjunction joins to it before it."""
    found, at = [last], last - 1
    while True:
        joined = False
        while at >= 0 and tokens[at].role in (*_JOINS, WordRole.LINK):
            joined, at = joined or tokens[at].role in _JOINS, at - 1
        if not joined or at < 0 or tokens[at].role is not tokens[last].role:
            return found[::-1]
        found.append(at)
        at -= 1
