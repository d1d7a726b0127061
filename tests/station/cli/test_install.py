"""Installing: plans, files and units; tests/fresh/offline.py runs all of it on a bare system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from core import settings as core_settings
from core.errors import MinwangError, SettingsError, StorageError, UsageError
from nvr.storage import volumes
from station.install import (
    install,
    release,
    settings_file,
    steps,
    uninstall,
    units,
)
from station.install.layout import Layout
from station.install.manifest import CHECKSUMS, FILE
from station.install.settings_file import InstallFacts
from tests.conftest import ROOT
from tests.station.cli.bundles import MADE, write_bundle

FACTS = InstallFacts(Path("/var/lib/minwang"), (Path("/disk1"), Path("/disk 2")), (8080,))


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_the_installer_needs_nothing_but_python() -> None:
    modules = [f"station.install.{p.stem}" for p in (ROOT / "station/install").glob("[!_]*.py")]
    code = f"import importlib; [importlib.import_module(m) for m in {modules}]; import sys; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "click" not in done.stdout and "pydantic" not in done.stdout


class Systemctl:
    """Returns one ActiveState after another; the last one repeats."""

    def __init__(self, *states: str):
        self.states, self.asked = list(states), 0

    def run(self, command: Sequence[str]) -> str:
        return ""

    def run_or_empty(self, command: Sequence[str]) -> str:
        if command[0] == "journalctl":
            return "the key is lost; restore it"
        self.asked += 1
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def test_a_station_that_does_not_start_is_said_and_not_waited_for_without_end() -> None:
    good = Systemctl("activating", "activating", "active")
    install._restart(good, lambda _: None)  # type: ignore[arg-type]
    assert good.asked == 3
    for states, words in ((("activating", "failed"), "does not start"), (("activating",), "not ready after 300 s")):
        with pytest.raises(StorageError, match=f"{words}.*the key is lost"):
            install._restart(Systemctl(*states), lambda _: None)  # type: ignore[arg-type]


def test_the_first_settings_are_valid_and_mean_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "minwang.toml"
    volumes = [Path("/disk1"), Path('/disk "2"')]
    path.write_text(
        settings_file.first_settings(
            FACTS.data, volumes, host="0.0.0.0", port=443, name="西店", timezone="Asia/Shanghai", database=""
        )
    )
    loaded = core_settings.load(path)
    assert (loaded.data.dir, loaded.volumes, loaded.web.host, loaded.web.port) == (FACTS.data, volumes, "0.0.0.0", 443)
    assert loaded.station.name == "西店"
    assert settings_file.read(path, tmp_path) == InstallFacts(
        FACTS.data, tuple(volumes), (443, 0), None, ("--without-key",)
    )


@pytest.mark.parametrize("text", ["[data", "data = 3", "[web]\nport = []"])
def test_settings_that_no_unit_can_be_made_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "minwang.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"minwang\.toml"):
        settings_file.read(tmp_path / "minwang.toml", tmp_path)


def test_paths_in_the_settings_mean_what_the_program_takes_them_for(tmp_path: Path) -> None:
    path = tmp_path / "minwang.toml"
    for text in ("", '[data]\ndir = "d"\nvolumes = ["v", "/w"]\n[web]\ntls = "own"\nredirect_port = 80\n'):
        path.write_text(text)
        loaded, found = core_settings.load(path), settings_file.read(path, tmp_path)
        assert found.data == loaded.data.dir and list(found.volumes) == loaded.volumes
        assert found.ports == (loaded.web.port, loaded.web.redirect_port)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder in which systemd accepts a station's data; it refuses one below /dev (tests/conftest.py)."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        yield Path(name)


@needs_systemd
@pytest.mark.parametrize("port", [8080, 443])
def test_systemd_accepts_the_units(on_disk: Path, port: int) -> None:
    layout = Layout(user="root")  # a user that exists here
    path = on_disk / units.SERVICE
    text = units.service(layout, InstallFacts(on_disk, FACTS.volumes, (port,)))
    text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text)
    path.write_text(text)
    resume = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", units.resume(layout))
    (on_disk / units.RESUME).write_text(resume)
    done = analyze("verify", "--man=no", str(path), str(on_disk / units.RESUME))
    complaints = [line for line in done.stderr.splitlines() if str(on_disk) in line]
    assert done.returncode == 0 and not complaints, done.stderr


@needs_systemd
def test_the_unit_is_exposed_little(tmp_path: Path) -> None:
    path = tmp_path / units.SERVICE
    path.write_text(units.service(Layout(), FACTS))
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_ports_below_1024_cost_one_capability() -> None:
    assert "CapabilityBoundingSet=\n" in units.service(Layout(), FACTS)
    for ports in ((443, 0), (8443, 80)):
        assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in units.service(
            Layout(), InstallFacts(FACTS.data, (), ports)
        )
    assert 'ReadWritePaths=/var/lib/minwang -/disk1 "-/disk 2"' in units.service(Layout(), FACTS)


def test_the_names_of_others_are_theirs() -> None:
    assert install.VOLUME_IDENTITY == volumes.IDENTITY
    assert {p.partition("/")[0] for p in release.PROGRAM} >= {
        "core",
        "cameras",
        "nvr",
        "health",
        "search",
        "cases",
        "reports",
        "web",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_folders_of_others_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nminwang:x:990:990::/:/bin/sh\n")
    layout = Layout(root=tmp_path)
    disk = tmp_path / "srv/disk"
    disk.mkdir(parents=True)
    (disk / "letters").write_text("x")
    facts = InstallFacts(Path("/var/lib/minwang"), (Path("/srv/disk"),), ())
    with pytest.raises(UsageError, match="/srv/disk: contains other files"):
        list(install.folder_steps(layout, facts))
    (disk / volumes.IDENTITY).write_text("{}")  # of a station whose user had another id
    for step in list(install.folder_steps(layout, facts)):
        step.do()
        assert step.is_done(), step.title
    assert {p.stat().st_uid for p in (disk, disk / "letters", tmp_path / "var/lib/minwang")} == {990}
    assert disk.stat().st_mode & 0o777 == 0o750
    with pytest.raises(UsageError, match="the service cannot access /home"):
        list(install.folder_steps(layout, InstallFacts(Path("/home/x"), (), ())))


def test_uninstall_leaves_recordings_whatever_is_asked(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path)
    data = tmp_path / "var/lib/minwang"
    for name in ("video/cam/1.mp4", "old disk/cam/1.mp4", "sightings/x", "minwang.db"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")
    (data / "old disk" / volumes.IDENTITY).write_text("{}")
    (tmp_path / "opt/minwang/releases/x").mkdir(parents=True)
    (tmp_path / "etc/minwang").mkdir(parents=True)
    facts = InstallFacts(Path("/var/lib/minwang"), (Path("/var/lib/minwang/video"),), ())
    steps.execute(uninstall.plan(layout, facts, purge=False, purge_user=False), dry_run=False, yes=True)
    assert (
        not (tmp_path / "opt/minwang").exists()
        and (data / "minwang.db").exists()
        and (tmp_path / "etc/minwang").exists()
    )
    steps.execute(uninstall.plan(layout, facts, purge=True, purge_user=False), dry_run=False, yes=True)
    left = sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())
    assert left == ["old disk/.minwang-volume.json", "old disk/cam/1.mp4", "video/cam/1.mp4"]
    assert not (tmp_path / "etc/minwang").exists()


def test_a_dry_run_changes_nothing_and_says_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_bundle(tmp_path)
    image = tmp_path / "image"
    (image / "etc").mkdir(parents=True)
    (image / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    from station.install.cli import main

    assert main(["install", "--dry-run", "--root", str(image), "--bundle", str(path), "--volume", "/disk1"]) == 0
    told = capsys.readouterr().err
    for part in (
        "unpack",
        "ffmpeg",
        "system user minwang",
        "/etc/minwang/minwang.toml",
        "minwang.service",
        MADE.name,
        "/disk1",
    ):
        assert part in told, told
    assert sorted(p.name for p in image.rglob("*")) == ["etc", "passwd"]


def test_a_second_run_finds_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = steps.FileOwner(Path("/"), "root", "root")
    todo = [
        steps.folder(tmp_path / "a", Path("/a"), 0o750, root),
        steps.text_file(tmp_path / "a/b", Path("/a/b"), 0o640, root, lambda: "x\n"),
        steps.InstallStep(
            "point", lambda: (tmp_path / "l").is_symlink(), lambda: steps.symlink(tmp_path / "l", tmp_path / "a")
        ),
    ]
    assert steps.execute(todo, dry_run=True, yes=True) == 3
    assert steps.execute(todo, dry_run=False, yes=True) == 3
    assert steps.execute(todo, dry_run=False, yes=True) == 0
    (tmp_path / "a/b").chmod(0o666)  # repaired by the next run
    assert steps.execute(todo, dry_run=False, yes=True) == 1
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o640
    assert "nothing to do" in capsys.readouterr().err


def test_nobody_to_ask_is_said(tmp_path: Path) -> None:
    with pytest.raises(MinwangError, match="give --yes"):
        steps.execute([steps.InstallStep("x", lambda: False, lambda: None)], dry_run=False, yes=False)


def test_a_folder_that_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a bundle nor a checkout"):
        release.source_of(tmp_path)
    (tmp_path / FILE).write_text(MADE.text())
    with pytest.raises(UsageError, match=CHECKSUMS):
        release.source_of(tmp_path)
