"""The systemd units. docs/installation.md explains each choice that is not obvious."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from station.install.layout import Layout
from station.install.settings_file import InstallFacts

SERVICE = "minwang.service"
RESUME = "minwang-upgrade.service"


class UnitState(StrEnum):
    """The ActiveState of a unit, as far as it matters here (org.freedesktop.systemd1)."""

    ACTIVE = "active"
    ACTIVATING = "activating"
    RELOADING = "reloading"
    FAILED = "failed"


_SERVICE = """\
# Written by `minwang install`; put changes into `systemctl edit minwang`, which stores them separately.
[Unit]
Description=Minwang: cameras, recordings and patrol of a police station
Documentation=file:{current}/docs/operations.md
Wants=network-online.target
After=network-online.target time-sync.target nss-lookup.target postgresql.service
RequiresMountsFor={data}
# Restart without limit: a station that gave up after a night without its database would not record in the morning.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={current}/.venv/bin/python -m station --config {settings} serve
Environment=PYTHONPATH={current} PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 HOME={data} XDG_CACHE_HOME={data}/.cache
User={user}
Group={user}
WorkingDirectory={data}
UMask=0027
Restart=on-failure
RestartSec=3
# A mistake in the settings does not go away by itself.
RestartPreventExitStatus=2 78
WatchdogSec=60
# A hung process does not react to SIGABRT, and no core is kept: use SIGKILL instead of waiting half a minute.
WatchdogSignal=SIGKILL
# A large database may be migrated first.
TimeoutStartSec=900
# The supervisor gives its workers 12 s to close their files.
TimeoutStopSec=30
KillMode=mixed
# The kernel ends one worker, which is started again; the others go on.
OOMPolicy=continue
MemoryMax=90%
TasksMax=8192
LimitNOFILE=65536
LimitCORE=0
LogRateLimitIntervalSec=30s
LogRateLimitBurst=1000
{capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""

_RESUME = """\
# Written by `minwang install`: ends an upgrade that a power cut interrupted, one way or the other.
[Unit]
Description=Minwang: end an interrupted upgrade
Documentation=file:{current}/docs/installation.md
ConditionPathExists={state}
After={service} network-online.target

[Service]
Type=oneshot
ExecStart={wrapper} upgrade --resume --yes
TimeoutStartSec=3600

[Install]
WantedBy=multi-user.target
"""


def service(layout: Layout, facts: InstallFacts) -> str:
    capability = "CAP_NET_BIND_SERVICE" if facts.privileged else ""
    capabilities = [f"CapabilityBoundingSet={capability}", f"AmbientCapabilities={capability}"]
    # "-": a disk that is not mounted must not keep the station from recording on the others.
    others = [*facts.volumes, *([facts.backup] if facts.backup else [])]
    writable = [str(facts.data), *(f"-{path}" for path in others if not path.is_relative_to(facts.data))]
    return _SERVICE.format(
        current=layout.current, settings=layout.settings, data=_escaped(facts.data), user=layout.user or "root",
        capabilities="\n".join(capabilities), writable=" ".join(_escaped(w) for w in writable),
    )  # fmt: skip


def resume(layout: Layout) -> str:
    return _RESUME.format(current=layout.current, state=layout.state, wrapper=layout.wrapper, service=SERVICE)


def _escaped(path: Path | str) -> str:
    """Escape a path for a unit file: % starts a specifier, a space ends a word."""
    text = str(path).replace("%", "%%")
    return f'"{text}"' if " " in text else text
