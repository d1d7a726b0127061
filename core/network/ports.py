"""Checks whether this machine allows listening on a port; a refusal becomes one sentence with a remedy."""

from __future__ import annotations

import errno
import socket

from core.errors import StorageError

_REMEDIES = {
    errno.EADDRINUSE: "another program listens there; end it, or set {port} to a free port",
    errno.EACCES: ("ports below 1024 need a capability; set {port} to 8080, or let 'minwang install' grant it"),
    errno.EADDRNOTAVAIL: "this machine has no such address; set {host} to one of its own, or to 0.0.0.0 for all",
}


def check(host: str, port: int, setting: str) -> None:
    """Listen on the port for a moment. Raises StorageError as returned by `refusal`. Blocking."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind(address)
                s.listen(1)
    except OSError as e:
        raise refusal(host, port, setting, e) from e


def refusal(host: str, port: int, setting: str, error: OSError) -> StorageError:
    """Return the error to raise. `setting` is the port's key (web.port); the address is `host` in the same section."""
    address = f"{setting.partition('.')[0]}.host"
    if isinstance(error, socket.gaierror):
        return StorageError(
            f"{address} = '{host}' is not an address ({error.strerror}); use one of this machine, or 0.0.0.0"
        )
    remedy = _REMEDIES.get(error.errno or 0, "set {port} to another port").format(port=setting, host=address)
    why = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return StorageError(f"port {port} of {host} ({setting}) cannot be used: {why}; {remedy}")


_REASONS = {
    errno.EADDRINUSE: "it is taken",
    errno.EACCES: "permission denied",
    errno.EADDRNOTAVAIL: "the address is not there",
}
