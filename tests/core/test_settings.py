"""Settings: defaults, unknown keys, the example file."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import settings
from core.errors import SettingsError
from core.settings_section import Section


def write(folder: Path, text: str) -> Path:
    path = folder / "minwang.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load().web.port == 8080


def test_values_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '[web]\nport = 9000\n[recorder]\nengine = "ffmpeg"\n')
    loaded = settings.load(path)
    assert loaded.web.port == 9000
    assert loaded.recorder.engine == "ffmpeg"


def test_unknown_key_is_refused_by_name_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[web]\nport = 9000\n\n[patrol]\ninterval = 5\n")
    with pytest.raises(SettingsError) as caught:
        settings.load(path)
    assert f"{path}:5" in str(caught.value)
    assert "patrol.interval" in str(caught.value)
    assert "interval_minutes" in str(caught.value)  # the remedy lists the known keys


def test_wrong_value_names_key_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, '[web]\nport = "many"\n')
    with pytest.raises(SettingsError, match=r"minwang\.toml:2: 'web\.port'"):
        settings.load(path)


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINWANG_WEB__PORT", "7000")
    assert settings.load(write(tmp_path, "[web]\nport = 9000\n")).web.port == 7000


def test_broken_toml_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not valid TOML"):
        settings.load(write(tmp_path, "[web\nport=1"))


def test_every_key_is_documented() -> None:
    text = settings.example_file()
    for name in settings.Settings.model_fields:
        section = getattr(settings.Settings(), name)
        if isinstance(section, Section):
            for key, info in type(section).model_fields.items():
                assert info.description, f"{name}.{key} has no description"
                assert f"# {key} = " in text


def test_the_example_file_is_up_to_date() -> None:
    example = Path(__file__).parents[2] / "docs" / "minwang.toml.example"
    assert example.read_text(encoding="utf-8") == settings.example_file()


def test_a_copy_with_other_values_leaves_the_settings_as_they_are(tmp_path: Path) -> None:
    loaded = settings.load(write(tmp_path, "[recorder]\nsegment_seconds = 30\n"))
    copy = loaded.with_values({"data.dir": tmp_path / "other", "recorder.segment_seconds": 5})
    assert (copy.data.dir, copy.recorder.segment_seconds) == (tmp_path / "other", 5)
    assert loaded.recorder.segment_seconds == 30 and loaded.data.dir != tmp_path / "other"
    with pytest.raises(SettingsError, match=r"'recorder\.segment_seconds'"):
        loaded.with_values({"recorder.segment_seconds": -1})
