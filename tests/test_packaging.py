"""pyproject.toml: `pip install .` installs every package, its dependencies and the command `minwang`."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_layers import BELOW

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==", re.MULTILINE)


def names(path: Path, pattern: str) -> set[str]:
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def test_requirements_are_the_only_list_of_dependencies() -> None:
    dynamic = PROJECT["tool"]["setuptools"]["dynamic"]
    files = [dynamic["dependencies"]["file"], *(e["file"] for e in dynamic["optional-dependencies"].values())]
    assert {f for given in files for f in given} == {f"requirements/{p.name}" for p in ROOT.glob("requirements/*.in")}
    assert not {"dependencies", "optional-dependencies"} & set(PROJECT["project"])


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements/*.in")), ids=lambda p: p.stem)
def test_every_requirement_is_locked(path: Path) -> None:
    wanted = names(path, r"^([A-Za-z0-9._-]+)")
    assert wanted and wanted <= names(path.with_suffix(".lock"), LOCKED.pattern)


def test_the_command_exists() -> None:
    module, _, function = PROJECT["project"]["scripts"]["minwang"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.long
def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    files = subprocess.run(["git", "ls-files", *BELOW], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    copy = tmp_path / "checkout"
    requirements = [f"requirements/{p.name}" for p in ROOT.glob("requirements/*.in")]
    for name in ["pyproject.toml", "README.md", "LICENSE", *requirements, *files.split()]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(copy),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "BackendUnavailable" in done.stderr:
        pytest.skip("setuptools is not installed here")
    assert done.returncode == 0, done.stderr
    packed = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    assert {f for f in files.split() if not f.startswith("web/console/")} <= packed
