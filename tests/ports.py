"""Ports for tests: free ones, and a clear error if fixed addresses are in use."""

from __future__ import annotations

import random
import socket

import pytest

BELOW_EPHEMERAL = range(20_000, 32_000)  # the kernel uses none of these for outgoing connections


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that is free on every address, for tests that must know it before listening; others bind port 0."""
    for number in random.sample(BELOW_EPHEMERAL, 200):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("0.0.0.0", number))
            except OSError:
                continue
            return number
    raise AssertionError("no port is free")


def free_ports(count: int) -> list[int]:
    """Return different ports that are free on 127.0.0.1."""
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def require_free(host: str, *ports: int) -> None:
    """Fail with one sentence if a fixed address (of the demo town) is in use."""
    for number in ports:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, number))
            except OSError as e:
                pytest.fail(
                    f"{host}:{number} is the demo town's and is taken ({e.strerror}): end the other demo or test run "
                    f"first"
                )
