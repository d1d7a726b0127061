"""`minwang fresh --offline`: installs, upgrades and removes a station on a Debian system without any network, under
real systemd.

debootstrap creates a bare root once (below --work); it is booted with systemd as process 1 in its own namespaces,
without a route. Inside, a bundle with Debian packages is unpacked and installed; the unit is started, hung, killed,
stopped; the station is upgraded to a release with a migration and back; a release that does not start is refused; the
program is removed. Needs root, debootstrap, a mirror (as this machine's apt is configured) and about 4 GB. Prints one
JSON object with the figures at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from station.install import release as releases
from tests.fresh import booted
from tests.fresh.booted import Machine
from tests.fresh.next_release import MIGRATION, NEWEST, ROOT

# A release with a service manager, as its installer leaves it: systemd and the Python of Debian's standard system.
PACKAGES = "systemd,systemd-sysv,dbus,python3,ca-certificates,iproute2,procps"
ASK = "python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/login', timeout=3)\""
MAIN = "systemctl show -p MainPID --value minwang"
LIMIT_SECONDS = 120.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="minwang fresh --offline", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "minwang-offline")
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--again", action="store_true", help="with the bundles of the last run")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    base, shared, overlay = (options.work / name for name in (options.release, "shared", "overlay"))
    bare_root(options.release, base)
    for folder in (overlay, *(() if options.again else (shared,))):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    sizes = {} if options.again else bundles(options.work, shared)
    with booted.boot(base, overlay, shared) as machine:
        figures = {**sizes, **run(machine)}
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0 if float(str(figures["offline_install_s"])) <= LIMIT_SECONDS else 1


def say(text: str) -> None:
    sys.stderr.write(f"offline: {text}\n")


def bare_root(release: str, base: Path) -> None:
    if (base / "usr/bin/python3").exists():
        return
    say(f"debootstrap {release}")
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(base), *mirror()],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def mirror() -> list[str]:
    """Return the first mirror that this machine's apt uses; debootstrap's own if there is none."""
    for path in sorted(Path("/etc/apt").rglob("*.sources")):
        for line in path.read_text().splitlines():
            if line.startswith("URIs:"):
                return [line.split()[1]]
    return []


def bundles(work: Path, shared: Path) -> dict[str, float]:
    """Build bundles.

    a: this checkout, with Debian packages; b: with one more migration; c: does not record, with another migration.
    """
    started = time.monotonic()
    python = ROOT / ".venv/bin/python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    say("bundle a, with Debian packages")
    subprocess.run([ROOT / "minwang", "console"], check=True)
    subprocess.run(
        [python, "-m", "station", "bundle", "--with-debs", "--out", shared / "a.tar"],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    figures: dict[str, float] = {
        "bundle_s": round(time.monotonic() - started),
        "bundle_mb": (shared / "a.tar").stat().st_size >> 20,
    }
    clone = work / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ROOT}", clone], check=True)
    shutil.copytree(ROOT / releases.DIST, clone / releases.DIST)
    changed(clone, "core/migrations/versions/9000_lamp.py", MIGRATION.format(before=NEWEST), "2099-01-01T00:00:00Z")
    for name in ("b", "c"):
        if name == "c":
            changed(
                clone,
                "station/roles/controller.py",
                "raise RuntimeError('broken for a test')\n",
                "2099-02-01T00:00:00Z",
            )
        say(f"bundle {name}")
        command = [str(python), "-m", "station", "bundle", "--out", str(shared / f"{name}.tar")]
        subprocess.run(
            command, check=True, env={**environment, "PYTHONPATH": str(clone)}, cwd=clone, stdout=subprocess.DEVNULL
        )
    return figures


def changed(clone: Path, name: str, text: str, date: str) -> None:
    (clone / name).write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, "add", "-A"], cwd=clone, check=True)
    dated = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
    subprocess.run(["git", *who, "commit", "-q", "-m", "changed for a test"], cwd=clone, check=True, env=dated)


def run(machine: Machine) -> dict[str, object]:
    figures: dict[str, object] = {}
    steps: tuple[Callable[[Machine], dict[str, object]], ...] = (
        install,
        again,
        account,
        confined,
        watchdog,
        crash,
        configuration_error,
        privileged_port,
        forward,
        back,
        refused,
        resumed,
        stop,
        remove,
    )
    for step in steps:
        started = time.monotonic()
        figures |= step(machine)
        say(f"{step.__name__}: {time.monotonic() - started:.1f} s")
    return figures


def answers(machine: Machine, port: int = 8080, seconds: float = 60) -> float:
    return machine.until(ASK.format(port=port), seconds)


def install(machine: Machine) -> dict[str, object]:
    assert machine.run("ip route").strip() == "", "there is a route"
    started = time.monotonic()
    machine.run("mkdir /srv/unpacked && tar xf /srv/bundle/a.tar -C /srv/unpacked --strip-components 1")
    output = machine.run("/srv/unpacked/minwang install --yes --volume /srv/disk1 --name Test 2>&1", seconds=600)
    answers(machine)
    seconds = time.monotonic() - started
    say(output)
    machine.run("rm -r /srv/unpacked")
    assert machine.run("systemctl is-active minwang").strip() == "active"
    return {"offline_install_s": round(seconds, 1), "installed_mb": int(machine.run("du -sm /opt/minwang").split()[0])}


def again(machine: Machine) -> dict[str, object]:
    assert "nothing to do" in machine.run("minwang install --yes 2>&1")
    machine.run("rm /etc/systemd/system/minwang-upgrade.service; chmod 644 /etc/minwang/minwang.toml")
    assert "nothing to do" not in machine.run("minwang install --yes 2>&1")
    assert "nothing to do" in machine.run("minwang install --yes --bundle /srv/bundle/a.tar 2>&1")
    return {}


def account(machine: Machine) -> dict[str, object]:
    """An administrator's commands with sudo create no files of root's, and no other user can read the settings."""
    machine.run("printf 'a long enough password\\n' > /root/password; chmod 600 /root/password")
    machine.run("cd /root && minwang user add chief --role administrator --password-file password --reason setup")
    assert "chief" in machine.run("minwang user list")
    assert machine.run("find /var/lib/minwang /srv/disk1 ! -user minwang").strip() == ""
    assert machine.run("find /var/lib/minwang /srv/disk1 -perm /007").strip() == ""
    machine.run("useradd --system visitor")
    refused = machine.run("minwang user list", user="visitor", check=False)
    assert "run it with sudo" in refused and "Traceback" not in refused
    return {}


def confined(machine: Machine) -> dict[str, object]:
    """Check the unit's restrictions as the kernel applies them."""
    pid = machine.run(MAIN).strip()
    status = dict(line.split(":", 1) for line in machine.run(f"cat /proc/{pid}/status").splitlines())
    assert (
        int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    ), status
    assert status["Uid"].split()[0] != "0" and status["Umask"].strip() == "0027"
    inside = f"nsenter -t {pid} -m setpriv --reuid=minwang --regid=minwang --init-groups"
    for path in ("/etc/x", "/opt/minwang/x", "/usr/x", "/srv/x"):
        assert not machine.succeeds(f"{inside} touch {path}"), path
    for path in ("/var/lib/minwang/x", "/srv/disk1/x"):
        assert machine.succeeds(f"{inside} touch {path} && rm {path}"), path
    exposure = machine.run("systemd-analyze security --no-pager minwang | tail -1").split()
    return {"exposure": float(next(word for word in exposure if word.replace(".", "").isdigit()))}


def watchdog(machine: Machine) -> dict[str, object]:
    """A supervisor that hangs is killed and started again."""
    before = machine.run(MAIN).strip()
    machine.run(f"kill -STOP {before}")
    seconds = machine.until(f'[ "$({MAIN})" != {before} ] && [ "$(systemctl is-active minwang)" = active ]', 180)
    answers(machine)
    assert "watchdog" in machine.run("journalctl -u minwang --no-pager").lower()
    return {"hung_supervisor_replaced_s": round(seconds, 1)}


def crash(machine: Machine) -> dict[str, object]:
    before = machine.run(MAIN).strip()
    machine.run(f"kill -KILL {before}")
    seconds = machine.until(f'[ "$({MAIN})" != {before} ] && [ "$(systemctl is-active minwang)" = active ]', 120)
    answers(machine)
    return {"killed_supervisor_replaced_s": round(seconds, 1)}


def configuration_error(machine: Machine) -> dict[str, object]:
    """A configuration error ends the service at once with a sentence, without a restart."""
    machine.run(
        "cp -p /etc/minwang/minwang.toml /root/kept.toml; printf '[patrol]\\nspeed = 1\\n' >> /etc/minwang/minwang.toml"
    )
    assert not machine.succeeds("systemctl restart minwang")
    # A service that systemd will restart is "activating", not "failed".
    machine.until('[ "$(systemctl is-failed minwang)" = failed ]', 30)
    assert machine.run("systemctl show -p NRestarts --value minwang").strip() == "0"
    assert "unknown key 'patrol.speed'" in machine.run("journalctl -u minwang --no-pager -n 20")
    machine.run(
        "cp -p /root/kept.toml /etc/minwang/minwang.toml; systemctl reset-failed minwang; systemctl start minwang"
    )
    answers(machine)
    return {}


def privileged_port(machine: Machine) -> dict[str, object]:
    machine.run(
        "sed -i 's/^port = .*/port = 80/' /etc/minwang/minwang.toml && minwang install --yes && systemctl restart "
        "minwang"
    )
    answers(machine, 80)
    pid = machine.run(MAIN).strip()
    assert "0000000000000400" in machine.run(f"grep CapBnd /proc/{pid}/status")
    machine.run(
        "sed -i 's/^port = .*/port = 8080/' /etc/minwang/minwang.toml && minwang install --yes && systemctl restart "
        "minwang"
    )
    answers(machine)
    return {}


def revision(machine: Machine) -> str:
    code = (
        "import sqlite3; print(sqlite3.connect('/var/lib/minwang/minwang.db').execute('SELECT version_num FROM "
        "alembic_version').fetchone()[0])"
    )
    return machine.run(f'python3 -c "{code}"', user="minwang").strip()


def forward(machine: Machine) -> dict[str, object]:
    output = machine.run("minwang upgrade --yes /srv/bundle/b.tar 2>&1", seconds=600)
    say(output)
    assert "is in use; the way back" in output
    assert revision(machine) == "9000" and "chief" in machine.run("minwang user list")
    answers(machine)
    return {"interrupted_s": int(output.partition("interrupted for ")[2].split()[0])}


def back(machine: Machine) -> dict[str, object]:
    machine.run("minwang upgrade --rollback --yes 2>&1", seconds=600)
    assert revision(machine) == NEWEST and "chief" in machine.run("minwang user list")
    answers(machine)
    return {}


def refused(machine: Machine) -> dict[str, object]:
    before = machine.run("readlink /opt/minwang/current")
    output = machine.run("minwang upgrade --yes --health-seconds 20 /srv/bundle/c.tar 2>&1", seconds=600, check=False)
    say(output)
    assert "is in use again, with the database from before" in output, output
    assert machine.run("readlink /opt/minwang/current") == before and revision(machine) == NEWEST
    answers(machine)
    return {}


def resumed(machine: Machine) -> dict[str, object]:
    """The unit that runs at boot ends an upgrade that was killed in the middle."""
    machine.run("minwang upgrade --yes /srv/bundle/b.tar >/root/upgrade.log 2>&1 & echo $! > /root/upgrade.pid")
    machine.until("grep -q started /opt/minwang/upgrade.json || grep -q migrated /opt/minwang/upgrade.json", 300)
    machine.run("kill -KILL $(cat /root/upgrade.pid)")
    machine.run("systemctl start minwang-upgrade", seconds=400)
    assert revision(machine) == "9000" and not machine.succeeds("test -e /opt/minwang/upgrade.json")
    answers(machine)
    return {}


def stop(machine: Machine) -> dict[str, object]:
    started = time.monotonic()
    machine.run("systemctl stop minwang")
    seconds = time.monotonic() - started
    assert machine.run("pgrep -u minwang || true").strip() == ""
    assert machine.run("systemctl show -p Result --value minwang").strip() == "success"
    return {"stop_s": round(seconds, 1)}


def remove(machine: Machine) -> dict[str, object]:
    machine.run("mkdir -p /srv/disk1/cam && echo footage > /srv/disk1/cam/1.mp4; systemctl start minwang")
    machine.run("minwang uninstall --yes 2>&1")
    assert (
        machine.run(
            "ls /opt/minwang /usr/local/bin/minwang /etc/systemd/system/minwang.service 2>/dev/null || true"
        ).strip()
        == ""
    )
    assert machine.succeeds(
        "test -f /var/lib/minwang/minwang.db && test -f /etc/minwang/minwang.toml && test -f /srv/disk1/cam/1.mp4"
    )
    assert not machine.succeeds("systemctl is-active minwang")
    return {}


if __name__ == "__main__":
    sys.exit(main())
