"""Evidence packages: what they hold, and that a verifier on a bare Python finds every change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cases.evidence import manifest as evidence_manifest
from cases.evidence import originals, package
from cases.evidence.package import Progress
from core.errors import StorageError
from tests.cases.evidence.packages import (
    BEGIN_US,
    codes,
    planned,
    segment_file,
    signing_key,
    verified,
    without_hashes,
    write,
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A package and the fingerprint of its key."""
    folder = tmp_path_factory.mktemp("evidence")
    done, key = write(planned(folder / "volume"), folder / "E-2026-0001")
    assert (done.files, done.changed, done.unhashed) == (9, (), ())
    return done.folder, key.fingerprint


@pytest.fixture
def copy(sealed: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed[0], tmp_path / "copy"))


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_package_is_whole_for_the_verifier_and_for_sha256sum(sealed: tuple[Path, str]) -> None:
    folder, key = sealed
    status, found = verified(folder, key)
    assert (status, found["problems"], found["notes"]) == (0, [], [])
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((folder / "manifest.json").read_text())
    first = next(f for f in manifest["files"] if f["kind"] == "original")
    assert first["recorded_sha256"] == first["sha256"] and first["clock_offset_us"] == 250_000
    assert first["start"].endswith("+08:00") and first["utc_start"].endswith("+00:00")
    assert manifest["gaps"][0]["cause"] == "no_packets"


def test_without_a_key_to_compare_with_it_is_not_called_good(sealed: tuple[Path, str]) -> None:
    status, found = verified(sealed[0])
    assert status == 3 and [n["code"] for n in found["notes"]] == ["key_unknown"]


def test_a_key_is_taken_in_any_grouping(sealed: tuple[Path, str]) -> None:
    folder, key = sealed
    assert verified(folder, " ".join(key[i : i + 4] for i in range(0, 64, 4)).upper())[0] == 0


def test_a_changed_byte_names_its_camera_and_second(copy: Path, sealed: tuple[Path, str]) -> None:
    path = next(p for p in sorted((copy / "original/wj-02-main").iterdir()))
    places = json.loads((copy / "places/wj-02-main.json").read_text())[f"original/wj-02-main/{path.name}"]
    second = [p for p in places if p[2] is not None][1]
    flip(path, second[0] + second[1] // 2)
    status, found = verified(copy, sealed[1])
    assert status == 1 and codes(found) == ["changed"]
    assert found["problems"][0]["where"] == [{"camera": "wj-02", "start_us": second[2], "end_us": second[3]}]
    assert second[2] == BEGIN_US + 1_000_000 and second[3] == BEGIN_US + 2_000_000


@pytest.mark.parametrize("at", [4, -5])
def test_a_changed_head_or_index_is_told_from_pictures(at: int, copy: Path, sealed: tuple[Path, str]) -> None:
    flip(next((copy / "original/wj-01-main").iterdir()), at)
    found = verified(copy, sealed[1])[1]
    assert [w["start_us"] for w in found["problems"][0]["where"]] == [None]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("manifest.json", "signature_bad"),
        ("manifest.sig", "signature_bad"),
        ("SHA256SUMS", "sums"),
        ("README.txt", "changed"),
        ("places/wj-01-main.json", "changed"),
    ],
)
def test_a_byte_flipped_in_any_kind_of_file_is_found(
    name: str, code: str, copy: Path, sealed: tuple[Path, str]
) -> None:
    offset = (copy / name).read_bytes().index(b"A-2026-15") if name == "manifest.json" else 3
    flip(copy / name, offset)
    status, found = verified(copy, sealed[1])
    assert status == 1 and code in codes(found)


def test_a_cut_file_names_the_seconds_that_are_gone(copy: Path, sealed: tuple[Path, str]) -> None:
    path = next(p for p in sorted((copy / "original/wj-01-main").iterdir()))
    places = json.loads((copy / "places/wj-01-main.json").read_text())[f"original/wj-01-main/{path.name}"]
    os.truncate(path, [p for p in places if p[2] is not None][1][0] + 10)
    found = verified(copy, sealed[1])[1]
    assert codes(found) == ["size"]
    assert [w["start_us"] for w in found["problems"][0]["where"]] == [BEGIN_US + 1_000_000, None]


def test_missing_and_further_files_are_named(copy: Path, sealed: tuple[Path, str]) -> None:
    gone = next((copy / "original/wj-01-main").iterdir())
    gone.unlink()
    (copy / "original" / "another.mp4").write_bytes(b"x")
    (copy / "link").symlink_to("/etc")
    found = verified(copy, sealed[1])[1]
    assert sorted(codes(found)) == ["extra", "extra", "missing"]
    assert f"original/wj-01-main/{gone.name}" in str(found["problems"])


def test_a_file_that_became_a_link_is_not_followed(copy: Path, sealed: tuple[Path, str], tmp_path: Path) -> None:
    path = next((copy / "original/wj-01-main").iterdir())
    path.rename(tmp_path / "elsewhere.mp4")
    path.symlink_to(tmp_path / "elsewhere.mp4")
    assert codes(verified(copy, sealed[1])[1]) == ["unreadable"]


def test_a_package_signed_again_by_another_key_is_found(copy: Path, sealed: tuple[Path, str]) -> None:
    """Somebody changes the manifest, signs it with a key of his own and writes SHA256SUMS anew."""
    made = json.loads((copy / "manifest.json").read_text())
    other = signing_key()
    made["request"]["case"] = "B-1"
    made["key"] = {"algorithm": "Ed25519", "public": other.public.hex(), "fingerprint": sealed[1]}
    data = evidence_manifest.encoded(made)
    signature = other.sign(data).hex().encode() + b"\n"
    (copy / "manifest.json").write_bytes(data)
    (copy / "manifest.sig").write_bytes(signature)
    (copy / "SHA256SUMS").write_bytes(evidence_manifest.sums(made["files"], data, signature))
    status, found = verified(copy, sealed[1])
    assert status == 1 and codes(found) == ["key_other"]
    assert verified(copy)[0] == 3  # without the station's fingerprint nobody can know


def test_a_custody_whose_entry_was_taken_out_is_found(tmp_path: Path) -> None:
    plan = planned(tmp_path / "volume", ["wj-01/main"], 1)
    done, key = write(replace(plan, custody=plan.custody[1:]), tmp_path / "E-1")
    assert codes(verified(done.folder, key.fingerprint)[1]) == ["custody_broken"]


def test_footage_changed_since_its_recording_is_not_hidden(tmp_path: Path) -> None:
    plan = planned(tmp_path / "volume", ["wj-01/main"], 2)
    flip(plan.streams[0].segments[0][1], 900)
    done, key = write(plan, tmp_path / "E-1")
    assert len(done.changed) == 1
    status, found = verified(done.folder, key.fingerprint)
    assert status == 1 and codes(found) == ["recorded"]


def test_footage_without_a_hash_of_its_recording_is_named(tmp_path: Path) -> None:
    done, key = write(without_hashes(planned(tmp_path / "volume", ["wj-01/main"], 2)), tmp_path / "E-1")
    assert len(done.unhashed) == 2
    status, found = verified(done.folder, key.fingerprint)
    assert status == 0 and [n["code"] for n in found["notes"]] == ["unhashed", "unhashed"]


def test_a_killed_writer_leaves_no_package_and_the_next_one_succeeds(tmp_path: Path) -> None:
    plan = planned(tmp_path / "volume", ["wj-01/main"], 2)
    left = tmp_path / "E-1.part"
    (left / "original").mkdir(parents=True)
    (left / "original" / "old.mp4").write_bytes(b"half")
    done, key = write(plan, tmp_path / "E-1")
    assert not left.exists() and verified(done.folder, key.fingerprint)[0] == 0


def test_writing_stops_when_it_is_told(tmp_path: Path) -> None:
    progress = Progress(stop=True)
    with pytest.raises(InterruptedError):
        package.write(planned(tmp_path / "volume", files=1), tmp_path / "E-1", signing_key(), progress)
    assert not (tmp_path / "E-1").exists()


def test_progress_counts_bytes(tmp_path: Path) -> None:
    progress, plan = Progress(), planned(tmp_path / "volume", files=2)
    package.write(plan, tmp_path / "E-1", signing_key(), progress)
    assert progress.done_bytes == progress.total_bytes == plan.bytes > 0


def test_a_disk_without_room_is_refused_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(StorageError, match=r"needs .* GB and .* GB are free"):
        write(planned(tmp_path / "volume", files=1), tmp_path / "E-1")
    assert not (tmp_path / "E-1").exists()


def test_blocks_cover_every_byte_once(tmp_path: Path) -> None:
    segment, path = segment_file(tmp_path, "wj-01/main", 0)
    for chunk in (7, 100, 4096, 1 << 20):
        originals_chunk = originals.CHUNK
        try:
            originals.CHUNK = chunk
            copied = originals.copy(segment, path, tmp_path / f"copy{chunk}" / "x.mp4")
        finally:
            originals.CHUNK = originals_chunk
        ends = [offset + size for offset, size, *_ in copied.blocks]
        assert [b[0] for b in copied.blocks] == [0, *ends[:-1]] and ends[-1] == copied.size == path.stat().st_size
        assert copied.is_as_recorded
        assert (tmp_path / f"copy{chunk}" / "x.mp4").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "safe"),
    [("wj-01-main", "wj-01-main"), ("村口/一号", "_"), ("a'b\"c\\d", "a_b_c_d"), ("..", "_"), ("😀x", "_x")],
)
def test_names_of_files_are_safe_everywhere(name: str, safe: str) -> None:
    assert originals.safe_name(name) == safe


def test_progress_can_be_read_beside_the_writing(tmp_path: Path) -> None:
    progress, plan = Progress(), planned(tmp_path / "volume", files=2)
    thread = threading.Thread(target=package.write, args=(plan, tmp_path / "E-1", signing_key(), progress), daemon=True)
    thread.start()
    thread.join(30)
    assert progress.done_bytes == plan.bytes
