"""What all commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from core.audit import verification
from core.errors import StorageError, UsageError
from core.settings import Settings
from station.cli.base import with_database
from station.cli.main import cli


def test_the_error_of_a_command_is_not_hidden_by_one_of_the_audit_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StorageError("the audit trail is not sealed")

    async def work(_: Any, __: Settings) -> None:
        monkeypatch.setattr(verification, "seal_now", fail)
        raise UsageError("the command is wrong")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINWANG_DATA__DIR", str(tmp_path / "data"))
    with pytest.raises(UsageError, match="the command is wrong"):
        with_database(click.Context(cli), work)
