"""Challenges and replies of cameras that ask for a password."""

from __future__ import annotations

from tests.nvr.conftest import LOGIN
from tests.nvr.scripted_camera import Request

DIGEST = {"WWW-Authenticate": 'Digest realm="x", nonce="n"'}
BASIC = {"WWW-Authenticate": 'Basic realm="x"'}


def in_clear(requests: list[Request]) -> bool:
    """Whether any request contains the password, as it is or in base64."""
    told = [f"{r.url} {r.headers}" for r in requests]
    return any("Basic" in t or LOGIN[1] in t for t in told)
