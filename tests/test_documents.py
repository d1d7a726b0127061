"""What the documents print: both READMEs have the same commands, every block is marked as run or not run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.conftest import ROOT
from tests.fresh.documents import Block, blocks, documents

READMES = ("README.md", "README.zh-CN.md")


def test_both_readmes_print_the_same_commands() -> None:
    english, chinese = ([(b.commands(), b.mark) for b in blocks(ROOT, [file])] for file in READMES)
    assert len(english) >= 4
    assert english == chinese


def test_both_readmes_have_the_same_parts_in_the_same_order() -> None:
    english, chinese = ((ROOT / file).read_text(encoding="utf-8") for file in READMES)
    for part in (r"^#+ ", r"^\| (?!---|part|部分)", r"^!\["):
        assert len(re.findall(part, english, re.M)) == len(re.findall(part, chinese, re.M)) > 0, part
    linked = [sorted(set(re.findall(r"\]\((docs/[^)#]+|CONTRIBUTING.md)", text))) for text in (english, chinese)]
    assert linked[0] == linked[1]


def test_every_block_of_commands_is_marked() -> None:
    unmarked = [f"{b.file}:{b.line}" for b in blocks(ROOT, documents(ROOT)) if b.mark is None]
    assert unmarked == []
    reasons = [b.mark for b in blocks(ROOT, documents(ROOT)) if b.mark and not b.is_run]
    assert [r for r in reasons if len(r.partition(":")[2].strip()) < 10] == []


@pytest.mark.parametrize("file", documents(ROOT))
def test_no_document_names_a_command_that_does_not_exist(file: str) -> None:
    """A reader of the documents has ./minwang, and no `python` on the path."""
    from station.cli.main import cli

    text = (ROOT / file).read_text(encoding="utf-8")
    assert not re.findall(r"`python -m [a-z.]+", text)
    named = set(re.findall(r"\./minwang(?: --config \S+)? ([a-z]+)\b", text))
    assert named - set(cli.list_commands(click.Context(cli))) - {"lock", "console"} == set()


def test_links_lead_somewhere() -> None:
    for file in documents(ROOT):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / file).read_text(encoding="utf-8")):
            assert (ROOT / file).parent.joinpath(target).exists(), f"{file}: {target}"


def test_blocks_are_read_with_their_marks(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "<!-- run: answers=\"a b|c\" minutes=3 -->\n```sh\n./minwang demo   # a comment\nprintf '#x' \\\n  > "
        "b\n./minwang test\n```\n\n"
        "<!-- not run: there is no engine -->\n```sh\ndocker up\n```\n```sh\nls\n```\n```toml\n[a]\n```\n"
    )
    first, second, third = blocks(tmp_path, ["a.md"])
    assert first.commands() == ["./minwang demo", "printf '#x' > b", "./minwang test"]
    assert first.is_run and first.options == {"answers": "a b|c", "minutes": "3"}
    typed = first.script()
    assert "\nuntil_up ./minwang demo\nprintf '#x' > b\n" in typed and "minwang test" not in typed
    assert not second.is_run and second.mark == "not run: there is no engine"
    assert third == Block("a.md", 13, "ls", None)


def test_a_fresh_clone_tries_them_before_its_development_packages_are_there() -> None:
    without = (
        "import sys; sys.modules.update(pytest=None, hypothesis=None); sys.argv += ['--help']; import "
        "tests.fresh.__main__"
    )
    done = subprocess.run(
        [sys.executable, "-c", without], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "bare system" in done.stdout


def test_the_threat_model_names_code_and_tests_that_exist() -> None:
    """A row of docs/security.md without its code or its test is an unverified claim."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| threat \| answer \| where \| test \|\n\|[ |-]+\|\n((?:\|.*\|\n)+)", text, re.M)
    rows = [line.split("|")[1:-1] for table in tables for line in table.splitlines()]
    assert len(rows) > 20
    for threat, _, where, tests in rows:
        for path in (p.strip() for cell in (where, tests) for p in cell.split(",")):
            assert path and any(ROOT.glob(path)), f"{threat.strip()}: {path}"
        assert "tests/" in tests, threat


def test_counts_in_the_documents_are_those_of_the_code() -> None:
    """These counts became outdated while the code grew."""
    from cameras.virtual.device import QUIRKS
    from cameras.virtual.makes import MAKES
    from health.faults.families import FAMILIES

    pictures = sum(f.kind == "picture" for f in FAMILIES.values())
    english, chinese, cameras = (
        (ROOT / file).read_text(encoding="utf-8") for file in ("README.md", "README.zh-CN.md", "docs/cameras.md")
    )
    assert (
        f"{len(MAKES)} virtual makes with {len(QUIRKS)} bad habits" in english
        and f"{pictures} picture families" in english
    )
    assert f"{len(MAKES)} 种虚拟机型, {len(QUIRKS)} 种怪癖" in chinese and f"{pictures} 类画面问题" in chinese
    assert f"{len(QUIRKS)} habits of real cameras" in cameras and f"cameras of {len(MAKES)} makes" in cameras


def test_each_rate_is_defined_once() -> None:
    """在线率, 完好率 and 录像完整率: one formula (health.kpi.figures), defined in one place that the glossary names."""
    health, glossary, reports = (
        (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("health", "glossary", "reports")
    )
    for name, chinese in (("online rate", "在线率"), ("soundness rate", "完好率"), ("completeness", "录像完整率")):
        assert len(re.findall(rf"\*\*{chinese}\*\* \({name}\) = ", health)) == 1
        assert f"| {name} | {chinese} |" in glossary
        assert chinese not in reports and not re.search(rf"{name} = ", reports)
