"""The stand-alone verifier: its Ed25519 against RFC 8032 and the library, hostile packages, both languages."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.evidence.packages import codes, planned, verified, write
from tests.conftest import ROOT

# RFC 8032 section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]


@pytest.fixture(scope="module")
def verifier() -> ModuleType:
    spec = spec_from_file_location("verify", ROOT / "tools" / "verify.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_ed25519_as_the_rfc_prints_it(
    secret: str, public: str, message: str, signature: str, verifier: ModuleType
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_key().public_bytes_raw().hex() == public and key.sign(bytes.fromhex(message)).hex() == signature
    parts = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verifier.signature_is_valid(*parts)
    assert not verifier.signature_is_valid(parts[0], parts[1] + b"x", parts[2])


@given(st.binary(max_size=200), st.integers(0, 511))
@settings(max_examples=30)
def test_a_signature_with_one_bit_changed_is_refused(verifier: ModuleType, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.generate()
    signature = bytearray(key.sign(message))
    public = key.public_key().public_bytes_raw()
    assert verifier.signature_is_valid(public, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verifier.signature_is_valid(public, message, bytes(signature))


def test_a_signature_whose_number_is_too_large_is_refused(verifier: ModuleType) -> None:
    """RFC 8032 section 5.1.7: s must be below the group's order, else one message has several signatures."""
    key = Ed25519PrivateKey.generate()
    signature = key.sign(b"m")
    larger = int.from_bytes(signature[32:], "little") + verifier.L
    forged = signature[:32] + larger.to_bytes(32, "little")
    assert not verifier.signature_is_valid(key.public_key().public_bytes_raw(), b"m", forged)


def rewritten(folder: Path, change: Any) -> None:
    path = folder / "manifest.json"
    made = json.loads(path.read_text())
    change(made)
    path.write_text(json.dumps(made))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["files"][0].update(path="../outside"),
        lambda m: m["files"][0].update(path="/etc/passwd"),
        lambda m: m["files"][0].update(path=m["files"][1]["path"]),
        lambda m: m["files"][0].update(size="many"),
        lambda m: m["files"][0].update(places="../../x"),
        lambda m: m.pop("custody"),
        lambda m: m.update(files=[1, 2]),
        lambda m: m.update(gaps=[{}]),
        lambda m: m["key"].update(public=None),
    ],
)
def test_a_hostile_manifest_is_one_sentence(change: Any, tmp_path: Path) -> None:
    done, key = write(planned(tmp_path / "volume", ["wj-01/main"], 1), tmp_path / "E-1")
    rewritten(done.folder, change)
    status, found = verified(done.folder, key.fingerprint)
    assert status == 1 and codes(found) == ["bad_manifest"]


def test_other_formats_and_other_folders_are_one_sentence(tmp_path: Path) -> None:
    assert codes(verified(tmp_path)[1]) == ["not_a_package"]
    assert codes(verified(tmp_path / "nowhere")[1]) == ["not_a_package"]
    (tmp_path / "manifest.sig").write_text("00")
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    assert codes(verified(tmp_path)[1]) == ["bad_manifest"]
    (tmp_path / "manifest.json").write_text('{"format": "minwang-evidence/9"}')
    assert codes(verified(tmp_path)[1]) == ["format"]


@pytest.mark.parametrize(("language", "word"), [("zh", "完整"), ("en", "whole")])
def test_it_prints_sentences_with_custody_and_gaps(language: str, word: str, tmp_path: Path) -> None:
    done, key = write(planned(tmp_path / "volume", ["wj-01/main"], 1), tmp_path / "E-1")
    printed = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools/verify.py"), str(done.folder), "--lang", language, "--key",
         key.fingerprint], capture_output=True, text=True, timeout=60, check=False, env={"LANG": "C.UTF-8"},
    )  # fmt: skip
    assert printed.returncode == 0 and printed.stderr == ""
    for told in (word, "zhang", "evidence.approve", "no_packets", "E-2026-0001", "A-2026-15"):
        assert told in printed.stdout


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    done, _ = write(planned(tmp_path / "volume", ["wj-01/main"], 1), tmp_path / "E-1")
    rewritten(done.folder, lambda m: m["request"].update(case="\x1b[2J\nwhole"))
    printed = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools/verify.py"), str(done.folder)], capture_output=True, text=True,
        timeout=60, check=False, env={"LANG": "C.UTF-8"},
    )  # fmt: skip
    assert "\x1b" not in printed.stdout and "\nwhole" not in printed.stdout


def test_a_wrong_fingerprint_is_wrong_use(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools/verify.py"), str(tmp_path), "--key", "12"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "64 hexadecimal digits" in done.stderr


def test_both_languages_say_everything(verifier: ModuleType) -> None:
    assert set(verifier.TEXTS["zh"]) == set(verifier.TEXTS["en"])
