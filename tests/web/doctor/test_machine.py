"""The checks of the machine: limits, memory, programs, fonts and permissions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.database import Database
from core.settings import load
from tests.conftest import ROOT
from tests.web.doctor.checked import apply_inventory, checked_station, states
from web.doctor import machine
from web.doctor.facts import CheckedStation, CheckState


async def test_open_files_limit(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await apply_inventory(database)
    (found,) = await machine.files(checked_station(tmp_path, database))
    assert found.state is CheckState.OK and "for 16 streams" in found.value
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    (few,) = await machine.files(checked_station(tmp_path, database))
    assert few.state is CheckState.FAILED and "LimitNOFILE=65536" in few.remedy
    assert states(await machine.files(checked_station(tmp_path))) == ["unknown"]


def test_memory_ffmpeg_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.memory(checked_station(tmp_path))[0].value.endswith("swapped out")
    assert "minwang 0" in machine.versions(checked_station(tmp_path))[0].value
    (found,) = machine.ffmpeg(checked_station(tmp_path))
    assert found.state is CheckState.OK and "decodes h264 and hevc" in found.value
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ' V....D h264'\n")
    poor.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    (without,) = machine.ffmpeg(checked_station(tmp_path))
    assert without.state is CheckState.FAILED and "without hevc" in without.value
    poor.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.ffmpeg(checked_station(tmp_path))[0].value == "not installed"


LATIN = Path("/usr/share/fonts/truetype/dejavu")


def _fonts(folder: Path, monkeypatch: pytest.MonkeyPatch, *dirs: Path) -> None:
    listed = "".join(f"<dir>{d}</dir>" for d in dirs)
    config = folder / "fonts.conf"
    config.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig>{listed}<cachedir>{folder}/cache</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))


def test_chinese_is_printed_as_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = machine.printing(checked_station(tmp_path))
    assert good.state is CheckState.OK and "CJK" in good.value, good
    if not LATIN.is_dir():
        pytest.skip("DejaVu's fonts are not installed; run: apt-get install fonts-dejavu-core")
    _fonts(tmp_path, monkeypatch, LATIN)
    (boxes,) = machine.printing(checked_station(tmp_path))
    assert boxes.state is CheckState.FAILED and boxes.value.startswith("empty boxes instead of 民网巡检"), boxes
    assert "fonts-noto-cjk" in boxes.remedy


def test_missing_fonts_give_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any font Pango crashes its process; in the controller that would be the console."""
    _fonts(tmp_path, monkeypatch)
    (none,) = machine.printing(checked_station(tmp_path))
    assert none.state is CheckState.FAILED and "PDF needs fonts and none is installed" in none.remedy, none
    body = (
        "from core.errors import StorageError\nfrom reports import pdf\n"
        "try:\n pdf.render_pdf('<p>a</p>')\nexcept StorageError as e:\n print(e)"
    )
    done = subprocess.run([sys.executable, "-c", body], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "install them (apt-get install fonts-noto-cjk)" in done.stdout, done.stderr


def test_file_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o750)
    (folder / "secret.key").write_bytes(b"x" * 32)
    (folder / "secret.key").chmod(0o600)
    config = tmp_path / "minwang.toml"
    config.write_text("")
    config.chmod(0o644)

    def look(database: str = "") -> dict[str, str]:
        config.write_text(f'[data]\ndir = "{folder}"\ndatabase = "{database}"\n')
        return {Path(f.subject).name: f.state for f in machine.rights(CheckedStation(load(config), SystemClock()))}

    found = look()
    assert (found["data"], found["secret.key"], found["minwang.toml"]) == ("ok", "ok", "ok")
    assert found["user"] == ("warning" if os.geteuid() == 0 else "ok")
    assert look("postgresql+psycopg://pol:geheim@db/minwang")["minwang.toml"] == "failed"
    (folder / "secret.key").chmod(0o640)
    folder.chmod(0o755)
    config.chmod(0o664)
    found = look()
    assert (found["data"], found["secret.key"], found["minwang.toml"]) == ("warning", "failed", "failed")
