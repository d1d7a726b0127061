"""Subjects of commits are at most 72 characters long, so that logs and mails show them whole."""

from __future__ import annotations

import subprocess

import pytest

from tests.conftest import ROOT

SINCE = "85b3f1a0"  # earlier ones cannot be changed any more
MAX_SUBJECT = 72


def test_subjects_of_commits_are_short() -> None:
    done = subprocess.run(
        ["git", "log", "--format=%h %s", f"{SINCE}..HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no history of this checkout: a release archive or a shallow clone")
    long = [line for line in done.stdout.splitlines() if len(line.partition(" ")[2]) > MAX_SUBJECT]
    assert not long
