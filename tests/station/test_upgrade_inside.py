"""What a release does for its own upgrade."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import StorageError
from core.settings import DataSettings, Settings
from station.upgrade import inside


def test_a_damaged_copy_changes_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "minwang.db").write_bytes(b"the database in use")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"no database" * 1000)))
    with pytest.raises(StorageError, match="the existing database was kept"):
        inside.restore(Settings(data=DataSettings(dir=tmp_path)))
    assert os.listdir(tmp_path) == ["minwang.db"]
    assert (tmp_path / "minwang.db").read_bytes() == b"the database in use"


def test_a_command_that_does_not_exist_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["inside", "minwang.toml", "destroy"])
    with pytest.raises(SystemExit, match="2"):
        inside.main()
    assert "destroy" in capsys.readouterr().err
