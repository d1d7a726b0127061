"""`minwang fresh`. Exit status: 0 as promised, 1 not, 2 wrong usage, 3 impossible on this machine (with the reason)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from core.errors import MinwangError
from tests.fresh import container, documents, offline, releases, visits
from tests.fresh.machine import Machine
from tests.fresh.visits import Figures, say

ROOT = Path(__file__).parent.parent.parent
NOT_HERE = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="minwang fresh", description="Type the documents' commands on a bare system.")
    parser.add_argument("--release", choices=[*releases.RELEASES], help="default: what this machine runs")
    parser.add_argument("--suite", action="store_true", help="run all tests but the soaks as well")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the roots and logs here; a bare root that is here is used again"
    )
    parser.add_argument("--short", action="store_true", help="as root only, and the READMEs' commands only")
    parser.add_argument(
        "--as", dest="user", choices=["root", visits.VISITOR], help="as one of them only; default: as both"
    )
    parser.add_argument(
        "--container", action="store_true", help="build the container image and take its first steps instead"
    )
    parser.add_argument(
        "--offline", action="store_true", help="a bundle on a system without network instead; see --offline --help"
    )
    if "--offline" in sys.argv:
        return offline.main([a for a in sys.argv[1:] if a != "--offline"])
    options = parser.parse_args()
    release = releases.RELEASES[options.release] if options.release else releases.of_this_machine()
    try:
        if os.geteuid() != 0:
            raise releases.NotHereError("a bare root is made by root only")
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            return tried(release, options.keep.resolve(), options)
        with tempfile.TemporaryDirectory(prefix="minwang-fresh-", dir="/var/tmp") as folder:
            return tried(release, Path(folder), options)
    except MinwangError as e:
        say(str(e))
        return NOT_HERE


def tried(release: releases.Release, kept: Path, options: argparse.Namespace) -> int:
    """Try one release and print the figures as JSON; returns the exit status."""
    if subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, check=True).stdout:
        say("what is not committed is not tried")
    if not (kept / f"{release.name}-bare").exists():
        say(f"making a bare root of {release.title}")
        releases.make(release, kept / f"{release.name}-bare")
    if options.container:
        with tempfile.TemporaryDirectory(prefix="container-", dir=kept) as work:
            return container.report(release, Path(work), ROOT, kept / f"{release.name}-bare")
    found: list[Figures] = []
    users = ["root"] if options.short else ["root", visits.VISITOR]
    for user in [options.user] if options.user else users:
        root = kept / f"{release.name}-{user}"
        if root.exists():  # left by an earlier run
            visits.remove(root)
        root = visits.bare(kept, release.name, root)
        try:
            found.append(visit(release, kept, root, user, options))
        finally:
            if options.keep is None:
                visits.remove(root)
    sys.stdout.write(visits.summary(found) + "\n")
    for line in (w for f in found for w in f.slow):
        say(f"slow: {line}")
    for line in (w for f in found for w in f.wrong):
        say(f"WRONG: {line}")
    return 1 if any(f.wrong or (f.slow and not options.short) for f in found) else 0


def visit(release: releases.Release, kept: Path, root: Path, user: str, options: argparse.Namespace) -> Figures:
    figures = Figures(release.title, user)
    with Machine(root, kept / f"{release.name}-{user}.log") as machine:
        if user != "root":
            visits.add_visitor(machine)
        folder = visits.clone(ROOT, root, user)
        visits.give(folder, machine, user)
        say(f"{release.title}, as {user}: {visits.DEMO}")
        if user != "root":
            visits.refused_without_root(machine, folder, figures)
        visits.first_demo(machine, folder, user, figures)
        if user == "root" and not figures.wrong:
            files = documents.documents(ROOT)[: 2 if options.short else None]
            marked = [b for b in documents.blocks(ROOT, files) if b.is_run]
            visits.documents(machine, folder, marked, figures)
        if options.suite:
            visits.suite(machine, folder, user, figures)
    return figures


sys.exit(main())
