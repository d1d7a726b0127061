"""The console has a text in both languages for everything that a check says, and for every setting."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest

from core.settings import Settings
from core.settings_section import Section
from tests.conftest import ROOT
from web.doctor.check_remedies import CheckRemedy
from web.doctor.check_values import CheckValue
from web.doctor.coded_text import SentenceCode
from web.doctor.facts import CheckName

TEXTS = ROOT / "web" / "console" / "src" / "admin"
LANGUAGES = ("zh-CN", "en")
CODES: dict[str, type[SentenceCode]] = {"value": CheckValue, "remedy": CheckRemedy}
ALIASES = {"V": CheckValue, "R": CheckRemedy, "CheckValue": CheckValue, "CheckRemedy": CheckRemedy}


def _texts(name: str, language: str) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = json.loads((TEXTS / f"{name}.{language}.json").read_text(encoding="utf-8"))
    return texts


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", CODES)
def test_every_code_has_a_text_with_its_parameters(kind: str, language: str) -> None:
    texts = _texts("checks", language)[kind]
    assert set(texts) == {str(c) for c in CODES[kind]}
    wrong = {str(c): texts[c] for c in CODES[kind] if _placeholders(texts[c]) != c.parameters}
    assert not wrong, wrong
    bare = {c: re.sub(r"\{(\w+|'[^']*')\}", "", text) for c, text in texts.items()}
    assert [c for c, text in bare.items() if re.search(r"[@|{}]", text)] == []


def test_chinese_is_chinese() -> None:
    chinese, commands = _texts("checks", "zh-CN"), {"change_mode", "raise_rmem"}
    texts = {**chinese["value"], **chinese["remedy"]}
    plain = {c for c, text in texts.items() if not re.search("[\u4e00-\u9fff]", re.sub(r"\{\w+\}", "", text))}
    assert plain == {*commands, "volume_other"}
    english = json.dumps(_texts("checks", "en"), ensure_ascii=False)
    assert not re.search("[\u4e00-\u9fff]", english)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_has_a_name(language: str) -> None:
    assert set(_texts("checks", language)["name"]) == {re.sub("[. ]", "_", name) for name in CheckName}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_has_a_description(language: str) -> None:
    texts = json.loads((TEXTS / f"settings.{language}.json").read_text(encoding="utf-8"))
    sections = {n: s for n in Settings.model_fields if isinstance(s := getattr(Settings(), n), Section)}
    assert set(texts["section"]) == set(texts["key"]) == set(sections)
    for name, section in sections.items():
        fields = type(section).model_fields
        assert set(texts["key"][name]) == set(fields)
        if language == "en":  # what the command line and the example file say
            said = {key: re.sub(r"\{'([^']*)'\}", r"\1", text) for key, text in texts["key"][name].items()}
            assert said == {key: field.description for key, field in fields.items()}


def _calls() -> Iterator[tuple[str, SentenceCode, ast.Call]]:
    for path in sorted((ROOT / "web" / "doctor").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id in ALIASES:
                    yield f"{path.name}:{node.lineno}", ALIASES[owner.id][node.func.attr], node


def test_the_checks_give_each_code_its_parameters() -> None:
    """`CheckValue.X(…)` checks this when it runs; many sentences stand in branches that no test can reach."""
    calls = list(_calls())
    assert len(calls) > 120
    for place, code, call in calls:
        named = {k.arg for k in call.keywords if k.arg}
        complete = all(k.arg for k in call.keywords)
        assert named <= code.parameters and (not complete or named == code.parameters), (place, code)


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="parameters"):
        CheckValue.MODE(path="x")
    with pytest.raises(ValueError, match="parameters"):
        CheckValue.MODE()
    assert str(CheckRemedy.CHANGE_MODE(mode="600", path="/x")) == "chmod 600 /x"
