"""An archive may come from a USB stick that somebody found: nothing in it is trusted before it is checked."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.database_kind import DatabaseKind
from core.errors import BackupError
from core.settings import DataSettings, Settings
from station.backup import create, manifest, restore, sealing
from station.backup.create import BackupRequest, backup
from station.backup.manifest import BackupManifest, FileEntry
from tests.station.backup.conftest import PASSPHRASE

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory, migrated_file: bytes) -> Members:
    """The members of a valid archive."""
    tmp_path = tmp_path_factory.mktemp("good")
    data = tmp_path / "data"
    data.mkdir()
    (data / "minwang.db").write_bytes(migrated_file)
    (data / "note.txt").write_bytes(b"a small file")
    (data / "secret.key").write_bytes(bytes(32))
    made = backup(
        Settings(data=DataSettings(dir=data), inventory=tmp_path / "none"),
        BackupRequest(tmp_path / "good.tar", PASSPHRASE),
    )
    with tarfile.open(made.path) as tar:
        return [(m, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]


def written(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def refused(path: Path, tmp_path: Path, message: str) -> None:
    new = tmp_path / "new"
    with pytest.raises(BackupError, match=message) as caught:
        restore.restore(path, new, PASSPHRASE)
    assert "\n" not in str(caught.value)
    assert not new.exists() or [p.name for p in new.iterdir()] in ([], ["station.lock"])
    assert not (tmp_path / "outside").exists()


def link(name: str, kind: bytes, to: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member, b""


def plain(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def test_the_good_one_is_good(members: Members, tmp_path: Path) -> None:
    restore.restore(written(tmp_path / "copy.tar", members), tmp_path / "new", PASSPHRASE)
    assert (tmp_path / "new" / "note.txt").read_bytes() == b"a small file"


ODD: dict[str, Callable[[Members], Members]] = {
    "a file too many": lambda m: [*m, plain("data/extra")],
    "a way out": lambda m: [*m, plain("data/../../outside")],
    "an absolute way out": lambda m: [*m, plain("/tmp/outside")],
    "the same file twice": lambda m: [*m, m[-1]],
    "a symbolic link": lambda m: [*m[:2], link(m[2][0].name, tarfile.SYMTYPE, "../../outside"), *m[3:]],
    "a hard link": lambda m: [*m[:2], link(m[2][0].name, tarfile.LNKTYPE, m[3][0].name), *m[3:]],
    "a device": lambda m: [*m[:2], link(m[2][0].name, tarfile.CHRTYPE, ""), *m[3:]],
    "a folder": lambda m: [*m[:2], link(m[2][0].name, tarfile.DIRTYPE, ""), *m[3:]],
    "another size": lambda m: [*m[:-1], plain(m[-1][0].name, m[-1][1] + b"more")],
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_member_that_the_manifest_does_not_name(
    odd: Callable[[Members], Members], members: Members, tmp_path: Path
) -> None:
    refused(written(tmp_path / "odd.tar", odd(members)), tmp_path, "is not what the manifest says")


def test_changed_content_is_found(members: Members, tmp_path: Path) -> None:
    changed = [(m, c.replace(b"small", b"SMALL")) if m.name == "data/note.txt" else (m, c) for m, c in members]
    refused(written(tmp_path / "changed.tar", changed), tmp_path, "checksum of data/note.txt is wrong")


def test_a_manifest_changed_with_its_files_does_not_open_the_key(members: Members, tmp_path: Path) -> None:
    """An attacker who changes the database and its checksum does not have the passphrase."""
    told = manifest.parse(members[0][1])
    changed = replace(told, station="another").text()
    refused(
        written(tmp_path / "forged.tar", [plain("manifest.json", changed), *members[1:]]),
        tmp_path,
        "the archive was changed",
    )


def test_one_that_is_cut_off(members: Members, tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.tar", members).read_bytes()
    for size in (0, 100, 512, 2000, len(whole) // 2, len(whole) - 10_240 - 700):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        refused(tmp_path / "cut.tar", tmp_path, r"truncated|damaged|cannot be read|not a backup")


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/outside",
        "data/../../outside",
        "data\\..\\outside",
        "data/./x",
        "data",
        "x/y",
        "manifest.json",
        "data/a\0b",
        "data//x",
    ],
)
def test_names_that_no_backup_holds(name: str) -> None:
    told = BackupManifest(
        "0.1",
        "s",
        "2026-01-01T00:00:00+00:00",
        DatabaseKind.SQLITE,
        "0009",
        {},
        False,
        False,
        "/d",
        files=[FileEntry(name, 1, "0")],
    )
    with pytest.raises(BackupError, match="no backup holds"):
        manifest.parse(told.text())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"format": 1}',
        b'{"format": 2}',
        b"[" * 100_000,
        b"\xff",
        b'{"format": 1, "files": 3}',
    ],
)
def test_manifests_that_are_none(text: bytes) -> None:
    with pytest.raises(BackupError):
        manifest.parse(text)


def test_a_manifest_is_read_as_it_was_written(members: Members) -> None:
    assert manifest.parse(members[0][1]).text() == members[0][1]


@pytest.mark.parametrize(
    "change",
    [
        {"further": 1},
        {"created": "yesterday"},
        {"created": "2026-01-01T00:00:00"},
        {"database": "oracle"},
        {"tables": {"camera": "many"}},
        {"files": [{"name": "data/x"}]},
        {"volumes": [{"number": 1}]},
    ],
)
def test_manifests_with_a_wrong_value(members: Members, change: dict[str, object]) -> None:
    good = json.loads(members[0][1])
    with pytest.raises(BackupError, match=r"cannot be read|is invalid"):
        manifest.parse(json.dumps({**good, **change}).encode())


def test_a_header_that_asks_for_all_memory(tmp_path: Path) -> None:
    """A pax header of a gigabyte (sparse, so it costs its author nothing) is not read."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    with (tmp_path / "pax.tar").open("wb") as file:
        file.write(header.tobuf())
        file.truncate(1 << 31)
    refused(tmp_path / "pax.tar", tmp_path, "no backup|not a backup")


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 1 << 30},
        {"iterations": 10**9},
        {"lanes": 10**6},
        {"iterations": 0},
        {"memory_kib": "x"},
        {"salt": ""},
        {"kdf": "none"},
    ],
)
def test_a_seal_that_asks_for_all_time_and_memory(change: dict[str, object]) -> None:
    good = json.loads(sealing.seal({"data/secret.key": bytes(32)}, PASSPHRASE, b"m"))
    with pytest.raises(BackupError, match="cannot be read"):
        sealing.unseal(json.dumps({**good, **change}).encode(), PASSPHRASE, b"m")


def test_a_seal_that_lacks_a_key() -> None:
    good = json.loads(sealing.seal({"data/secret.key": bytes(32)}, PASSPHRASE, b"m"))
    assert sealing.unseal(json.dumps(good).encode(), PASSPHRASE, b"m") == {"data/secret.key": bytes(32)}
    for key in good:
        without = {name: value for name, value in good.items() if name != key}
        with pytest.raises(BackupError, match="cannot be read"):
            sealing.unseal(json.dumps(without).encode(), PASSPHRASE, b"m")


def test_sealed_files_go_nowhere_else(members: Members, tmp_path: Path) -> None:
    """Even an attacker who knows the passphrase cannot write outside the data folder."""
    text = members[0][1]
    for name in ("data/../outside", "data/tls/../../outside.key", "data/note.txt"):
        seal = sealing.seal({name: b"x"}, PASSPHRASE, text)
        refused(
            written(tmp_path / "s.tar", [members[0], plain("seal.json", seal), *members[2:]]),
            tmp_path,
            "no backup holds",
        )


@pytest.mark.parametrize(
    "name", ["secret.key", "tls/server.key", "minwang.db", "station.lock", ".restoring/x", "models/a@1/pack.json"]
)
def test_what_no_backup_holds_in_the_open_is_not_planted(name: str, members: Members, tmp_path: Path) -> None:
    """For example, the attacker's own key."""
    told = manifest.parse(members[0][1])
    content = bytes(32)
    entry = FileEntry(f"data/{name}", len(content), hashlib.sha256(content).hexdigest())
    text = replace(told, sealed=False, files=[*told.files, entry]).text()
    planted = [plain("manifest.json", text), *members[2:], plain(entry.name, content)]
    refused(written(tmp_path / "p.tar", planted), tmp_path, "unencrypted")


def test_a_database_that_is_another(members: Members, tmp_path: Path) -> None:
    told = manifest.parse(members[0][1])
    for change, message in (
        ({"tables": {**told.tables, "camera": 7}}, "table camera"),
        ({"revision": "0001"}, "has version"),
        ({"revision": "9999"}, "install Minwang"),
    ):
        text = replace(told, sealed=False, **change).text()  # type: ignore[arg-type]
        refused(written(tmp_path / "d.tar", [plain("manifest.json", text), *members[2:]]), tmp_path, message)


def test_too_little_room_is_said_first(members: Members, tmp_path: Path) -> None:
    told = manifest.parse(members[0][1])
    huge = replace(told, sealed=False, files=[replace(f, size=f.size + (1 << 60)) for f in told.files]).text()
    refused(
        written(tmp_path / "h.tar", [plain("manifest.json", huge), *members[2:]]), tmp_path, "are needed and not free"
    )


def test_verification_finds_what_a_disk_spoils(members: Members, tmp_path: Path) -> None:
    path = written(tmp_path / "spoilt.tar", members)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(BackupError):
        create.verify(path, tmp_path / "restored", PASSPHRASE)
