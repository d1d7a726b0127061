"""Atomic writing of small files."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import SecretError
from core.files import write_atomic
from core.secrets import Vault


def test_a_file_is_replaced_and_gets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    write_atomic(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_of_several_exclusive_writers_one_succeeds(tmp_path: Path) -> None:
    def write(number: int) -> bool:
        try:
            write_atomic(tmp_path / "a", str(number).encode(), exclusive=True)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(16)))
    assert written.count(True) == 1
    assert (tmp_path / "a").read_text() == str(written.index(True)) and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_remains_of_a_killed_process_do_not_prevent_a_new_key(tmp_path: Path) -> None:
    """Regression: in a container every start has the same process id, and with it the name of the temporary file."""
    path = tmp_path / "secret.key"
    path.with_name(f"secret.key.{os.getpid()}").write_bytes(b"half")
    Vault.open_or_create(path)
    assert len(path.read_bytes()) == 32


def test_a_key_that_cannot_be_written_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(SecretError, match=r"secret.key: cannot be written \(No space left on device\); check the disk"):
        Vault.open_or_create(tmp_path / "secret.key")
    assert not os.listdir(tmp_path)
