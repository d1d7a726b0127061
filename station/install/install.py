"""`minwang install`: the list of steps that turns a machine into a station."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConflictError, ForbiddenError, StorageError, UsageError
from station.install import archive, manifest, packages, release, settings_file, steps, units, wrapper
from station.install.archive import Contents
from station.install.commands import SystemCommands
from station.install.layout import Layout
from station.install.manifest import machine
from station.install.release import ReleaseSource
from station.install.settings_file import InstallFacts
from station.install.steps import FileOwner, InstallStep

# equals nvr.storage.volumes.IDENTITY, which needs more than the standard library
VOLUME_IDENTITY = ".minwang-volume.json"
READY_SECONDS = 300  # until the console answers: on a slow machine, with a database that is still starting


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """The options of the command line; only a first installation uses those that belong in the settings."""

    data: Path
    volumes: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    name: str = ""
    timezone: str = "Asia/Shanghai"
    database: str = ""
    optional: bool = False
    start: bool = True

    def first_settings(self) -> str:
        volumes = self.volumes or (self.data / "video",)
        return settings_file.first_settings(
            self.data,
            volumes,
            host=self.host,
            port=self.port,
            name=self.name,
            timezone=self.timezone,
            database=self.database,
        )


def check_root() -> None:
    if os.geteuid() != 0:
        raise ForbiddenError("this changes the system and needs root; run it with sudo")


def check_release(layout: Layout, source: ReleaseSource) -> None:
    """Raise ConflictError if another release is in use: `upgrade` changes releases."""
    current = layout.current_release()
    if current is not None and current.name != source.manifest.name:
        raise ConflictError(
            f"the release {current.name} is installed; to change it to {source.manifest.name}: minwang upgrade "
            f"{source.folder}"
        )


def facts_of(layout: Layout, options: InstallOptions) -> InstallFacts:
    """Return the facts of the settings file, or, if there is none, of the one that will be written."""
    path = layout.at(layout.settings)
    if path.exists():
        return settings_file.read(path, layout.settings.parent)
    for given in (options.data, *options.volumes):
        if not given.is_absolute():
            raise UsageError(f"{given}: give an absolute path")
    return InstallFacts(options.data, options.volumes or (options.data / "video",), (options.port,))


def plan(
    layout: Layout, source: ReleaseSource, options: InstallOptions, say: Callable[[str], None]
) -> list[InstallStep]:
    """Return all steps in order. Raises UsageError or ConflictError if the machine or a folder is unsuitable."""
    commands = SystemCommands(layout.root)
    facts = facts_of(layout, options)
    wanted = [*packages.REQUIRED, *(packages.OPTIONAL if options.optional else ())]
    found = [packages.step(commands, wanted, source.debs), user_step(commands, layout)]
    found += folder_steps(layout, facts)
    found.append(release_step(layout, source, say))
    found += configuration_steps(layout, facts, options)
    found.append(link_step(layout, source))
    found += service_steps(layout, facts, options.start)
    return found


def user_step(commands: SystemCommands, layout: Layout) -> InstallStep:
    create = [
        "useradd",
        "--system",
        "--user-group",
        "--home-dir",
        str(layout.data),
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        "--comment",
        "Minwang station",
        layout.user,
    ]
    return InstallStep(
        f"make the system user {layout.user} (no shell, no password)",
        lambda: commands.succeeds(["getent", "passwd", layout.user]),
        lambda: commands.run(create),
    )


def folder_steps(layout: Layout, facts: InstallFacts) -> Iterator[InstallStep]:
    root, station = FileOwner(layout.root, "root", "root"), FileOwner(layout.root, layout.user, layout.user)
    for path, mode, owner in (
        (layout.prefix, 0o755, root),
        (layout.releases, 0o755, root),
        (layout.database_copies, 0o700, root),
        (layout.settings.parent, 0o750, FileOwner(layout.root, "root", layout.user)),
    ):
        yield steps.folder(layout.at(path), path, mode, owner)
    for path in (facts.data, *facts.volumes):
        yield _station_folder(layout, path, station)
    if facts.backup is not None and not layout.at(facts.backup).exists():  # an existing one is managed by its owner
        yield steps.folder(layout.at(facts.backup), facts.backup, 0o750, station)


def _station_folder(layout: Layout, path: Path, owner: FileOwner) -> InstallStep:
    """Return the step for a folder of the station; a folder filled by a station of another user changes its owner."""
    there = layout.at(path)
    for home in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"):
        if path.is_relative_to(home):
            raise UsageError(
                f"{path}: the service cannot access {home} (ProtectHome, PrivateTmp); choose another folder, for "
                "example /srv/minwang"
            )
    if not _belongs_to_other_user(there, owner):
        return steps.folder(there, path, 0o750, owner)
    if not (there / VOLUME_IDENTITY).is_file() and not (there / "secret.key").is_file():
        raise UsageError(f"{path}: contains other files; give an empty folder, or one of a Minwang station")
    return InstallStep(
        f"give {path} and all recordings and data in it to {owner.user}",
        lambda: not _belongs_to_other_user(there, owner),
        lambda: _chown_tree(there, owner),
    )


def _belongs_to_other_user(path: Path, owner: FileOwner) -> bool:
    """Return whether a folder belongs to another user and is not empty."""
    if not path.is_dir() or owner.matches(path):
        return False
    return any(p.name != "lost+found" for p in path.iterdir())


def _chown_tree(path: Path, owner: FileOwner) -> None:
    uid, gid = owner.ids()
    for directory, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.lchown(Path(directory) / name, uid, gid)
    owner.give(path)  # last: the owner of the folder marks the whole tree as done
    path.chmod(0o750)


def release_step(layout: Layout, source: ReleaseSource, say: Callable[[str], None]) -> InstallStep:
    name = source.manifest.name
    where = "the packages in the bundle" if source.wheels else "packages from the package index"
    return InstallStep(
        f"install the release {name} below {layout.releases} with {where}",
        lambda: release.is_complete(layout, source.manifest),
        lambda: release.build(layout, source, say),
    )


def link_step(layout: Layout, source: ReleaseSource) -> InstallStep:
    target = layout.releases / source.manifest.name
    return InstallStep(
        f"point {layout.current} to it",
        lambda: layout.current_release() == target,
        lambda: steps.symlink(layout.at(layout.current), target),
    )


def configuration_steps(layout: Layout, facts: InstallFacts, options: InstallOptions) -> Iterator[InstallStep]:
    """Yield the steps that write outside the release folder; `upgrade` repeats them with the new release's texts."""
    root, settings = FileOwner(layout.root, "root", "root"), layout.at(layout.settings)
    group = FileOwner(layout.root, "root", layout.user)
    if settings.exists():
        yield InstallStep(
            f"set owner and mode of {layout.settings}",
            lambda: _is_private(settings, group),
            lambda: _protect(settings, group),
        )
    else:
        yield steps.text_file(settings, layout.settings, 0o640, group, options.first_settings)
    for path, mode, text in (
        (layout.wrapper, 0o755, wrapper.text(layout)),
        (layout.units / units.SERVICE, 0o644, units.service(layout, facts)),
        (layout.units / units.RESUME, 0o644, units.resume(layout)),
    ):
        yield steps.text_file(layout.at(path), path, mode, root, _constant(text))


def _constant(text: str) -> Callable[[], str]:
    return lambda: text


def _is_private(path: Path, owner: FileOwner) -> bool:
    return path.stat().st_mode & 0o777 == 0o640 and owner.matches(path)


def _protect(path: Path, owner: FileOwner) -> None:
    owner.give(path)
    path.chmod(0o640)


def service_steps(layout: Layout, facts: InstallFacts, start: bool) -> Iterator[InstallStep]:
    commands = SystemCommands(layout.root)
    names = [units.SERVICE, units.RESUME]
    if shutil.which("systemctl", path=_search_path(layout.root)) is None:
        return
    yield InstallStep(
        "enable the services at boot",
        lambda: all(_is_enabled(layout, n) for n in names),
        lambda: commands.run(["systemctl", "enable", *names]),
    )
    if start and is_booted(layout):
        text = units.service(layout, facts)
        yield InstallStep(
            "start the station", lambda: _runs_as_written(layout, commands, text), lambda: _restart(commands)
        )


def is_booted(layout: Layout) -> bool:
    """Return whether systemd runs this system (as sd_booted(3))."""
    return layout.root == Path("/") and Path("/run/systemd/system").is_dir()


def _runs_as_written(layout: Layout, commands: SystemCommands, text: str) -> bool:
    """Return whether the station runs from a unit with this text, written and loaded."""
    unit = layout.at(layout.units / units.SERVICE)
    if not unit.is_file() or unit.read_text(encoding="utf-8") != text:
        return False
    if not commands.succeeds(["systemctl", "is-active", "--quiet", units.SERVICE]):
        return False
    return commands.run_or_empty(["systemctl", "show", "-p", "NeedDaemonReload", "--value", units.SERVICE]) == "no"


def _restart(commands: SystemCommands, wait: Callable[[float], None] = time.sleep) -> None:
    """Restart the station and wait until it is ready.

    Raises StorageError if it fails, or is not ready after READY_SECONDS.

    `systemctl restart` itself would block without output for as long as a migration may take.
    """
    commands.run(["systemctl", "daemon-reload"])
    commands.run(["systemctl", "restart", "--no-block", units.SERVICE])
    for _ in range(READY_SECONDS):
        wait(1.0)
        state = commands.run_or_empty(["systemctl", "show", "-p", "ActiveState", "--value", units.SERVICE])
        if state == units.UnitState.ACTIVE:
            return
        if state == units.UnitState.FAILED:
            raise StorageError(f"the station does not start; its reason: {_last_log_line(commands)}")
    raise StorageError(
        f"the station is not ready after {READY_SECONDS} s; systemd keeps trying, and 'journalctl -u "
        f"{units.SERVICE}' shows why. Its last log line: {_last_log_line(commands)}"
    )


def _last_log_line(commands: SystemCommands) -> str:
    return (
        commands.run_or_empty(["journalctl", "-u", units.SERVICE, "-n", "1", "-o", "cat", "--no-pager"])[-400:]
        or "none"
    )


def _search_path(root: Path) -> str:
    return os.pathsep.join(str(root / p) for p in ("usr/bin", "bin", "usr/sbin", "sbin"))


def _is_enabled(layout: Layout, unit: str) -> bool:
    return (layout.at(layout.units) / "multi-user.target.wants" / unit).is_symlink()


def from_bundle(layout: Layout, bundle: Path, sha256: str) -> tuple[ReleaseSource, Contents]:
    """Return the source that a bundle will be once it is unpacked; writes nothing.

    Raises UsageError if it is unsuitable.
    """
    contents = archive.check(bundle, sha256)
    contents.manifest.check_machine(release.python_of(layout), machine())
    return release.of_files(layout.at(incoming(layout)), contents.manifest, contents.files), contents


def incoming(layout: Layout) -> Path:
    return layout.prefix / ".incoming"


def unpack_step(layout: Layout, bundle: Path, contents: Contents, source: ReleaseSource) -> InstallStep:
    """Return the step that unpacks the bundle beside the releases, unless the release is already complete."""
    target = layout.at(incoming(layout))

    def is_done() -> bool:
        return (target / manifest.CHECKSUMS).is_file() or release.is_complete(layout, source.manifest)

    def do() -> None:
        release.check_space(target.parent)
        archive.remove_tree(target)
        archive.extract(bundle, contents, target)

    return InstallStep(f"unpack {bundle} ({contents.size >> 20} MB, every checksum is right)", is_done, do)
