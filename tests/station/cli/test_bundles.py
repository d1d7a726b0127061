"""Release archives: made, checked, unpacked, and refused."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import MinwangError, UsageError
from core.files import sha256_of
from station.install import (
    archive,
    bundle,
    debs,
    manifest,
    packages,
    release,
)
from station.install.manifest import ReleaseManifest
from tests.station.cli.bundles import MADE, write_bundle


def test_a_bundle_is_the_same_bytes_whenever_it_is_made(tmp_path: Path) -> None:
    first = write_bundle(tmp_path).read_bytes()
    os.utime(tmp_path / "a", (1, 1))
    (tmp_path / "a").chmod(0o600)
    bundle.write(
        tmp_path / "again.tar",
        MADE,
        {"wheels/b.whl": tmp_path / "b.whl", "core/x.py": tmp_path / "a", "minwang": tmp_path / "a"},
    )
    assert (tmp_path / "again.tar").read_bytes() == first


def test_a_bundle_is_checked_and_unpacked(tmp_path: Path) -> None:
    path = write_bundle(tmp_path)
    contents = archive.check(path, sha256_of(path))
    assert contents.manifest == MADE
    archive.extract(path, contents, tmp_path / "out")
    found = release.source_of(tmp_path / "out")
    assert found.files == ("core/x.py", "minwang")
    assert found.wheels == tmp_path / "out" / "wheels" and found.debs is None
    assert (tmp_path / "out" / "minwang").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / "core" / "x.py").stat().st_mode & 0o777 == 0o644
    (tmp_path / "out" / "core" / "x.py").write_text("two\n")
    with pytest.raises(UsageError, match=r"core/x.py: missing, or not the file"):
        release.source_of(tmp_path / "out")


def _entry(
    name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content) if kind == tarfile.REGTYPE else 0
    return info, content


HOSTILE: dict[str, tuple[list[tuple[tarfile.TarInfo, bytes]], str]] = {
    "traversal": ([_entry("top/../../etc/cron.d/x")], "leads out of the archive"),
    "absolute": ([_entry("/etc/cron.d/x")], "leads out of the archive"),
    "symbolic link": ([_entry("top/x", kind=tarfile.SYMTYPE, target="/etc/shadow")], "is a link or a device"),
    "hard link": ([_entry("top/x", kind=tarfile.LNKTYPE, target="top/minwang")], "is a link or a device"),
    "device": ([_entry("top/x", kind=tarfile.CHRTYPE)], "is a link or a device"),
    "file that no checksum names": ([_entry("top/sitecustomize.py")], "'sitecustomize.py' is not what SHA256SUMS says"),
    "the same file twice": ([_entry("top/minwang", b"evil")], "occurs twice"),
    "second folder": ([_entry("other/x")], "do not lie below one folder"),
}


def _top(path: Path) -> str:
    with tarfile.open(path) as tar:
        return tar.getnames()[0].partition("/")[0]


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_written(tmp_path: Path, what: str) -> None:
    entries, sentence = HOSTILE[what]
    path = write_bundle(tmp_path)
    top = _top(path)
    with tarfile.open(path, "a") as tar:
        for info, content in entries:
            info.name = info.name.replace("top", top, 1)
            tar.addfile(info, io.BytesIO(content))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=sentence):
        archive.check(path)
    assert sorted(tmp_path.rglob("*")) == before


def _flip_a_byte(path: Path) -> None:
    raw = path.read_bytes()
    position = raw.index(b"one\n")
    path.write_bytes(raw[:position] + b"One\n" + raw[position + 4 :])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "one byte": (_flip_a_byte, "the archive is damaged"),
    "cut off": (lambda p: os.truncate(p, p.stat().st_size // 3), "damaged|not a bundle"),
    "empty": (lambda p: p.write_bytes(b""), "not a bundle"),
    "no archive": (lambda p: p.write_bytes(os.urandom(5000)), "not a bundle"),
    "not there": (lambda p: p.unlink(), "No such file"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_archive_is_one_sentence(tmp_path: Path, what: str) -> None:
    damage, sentence = DAMAGES[what]
    path = write_bundle(tmp_path)
    damage(path)
    with pytest.raises(MinwangError, match=sentence) as caught:
        archive.check(path)
    assert "\n" not in str(caught.value)


def test_a_bundle_for_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is for Python 3\.11, this machine has 3\.13"):
        ReleaseManifest("1.0", "a", MADE.date, "c", "3.11", "linux-x86_64").check_machine("3.13", "linux-x86_64")
    with pytest.raises(UsageError, match="is for linux-aarch64"):
        ReleaseManifest("1.0", "a", MADE.date, "c", "3.11", "linux-aarch64").check_machine("3.11", "linux-x86_64")
    path = write_bundle(tmp_path)
    with pytest.raises(UsageError, match="not the one given"):
        archive.check(path, "0" * 64)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"a": "b"}', MADE.text().replace("0.1.0", "../../x")])
def test_a_wrong_manifest_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="not the manifest of a release"):
        manifest.parse(text, "x")


def test_which_release_is_newer() -> None:
    later = ReleaseManifest("0.1.0", "b" * 40, "2026-01-02T00:00:00+00:00", "d" * 64)
    assert later.is_newer_than(MADE) and not MADE.is_newer_than(later)
    assert ReleaseManifest("0.10.0", "b", "2020-01-01T00:00:00+00:00", "d").is_newer_than(
        ReleaseManifest("0.9.9", "b", MADE.date, "d")
    )


def test_debian_packages_carry_an_index(tmp_path: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    control = tmp_path / "p/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: p\nVersion: 1:2\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: d\n")
    subprocess.run(["dpkg-deb", "--build", "p", "p.deb"], cwd=tmp_path, check=True, capture_output=True)
    paragraph = debs.record(tmp_path / "p.deb")
    assert f"SHA256: {sha256_of(tmp_path / 'p.deb')}\n" in paragraph
    assert "Version: 1:2\n" in paragraph and "Filename: ./p.deb\n" in paragraph
    assert packages.INDEX == "Packages"
