"""Checks of ports and multicast: whether browsers reach the console, and whether discovery hears cameras."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Sequence

import psutil
from pydantic import JsonValue

from cameras.discovery import ws_discovery
from core.error_codes import ErrorCode
from core.network.error_text import reason
from core.settings import TlsMode
from nvr.rtsp import camera_socket
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

WAIT_S = 1.0


def receive_buffers(_station: CheckedStation) -> Sequence[CheckResult]:
    """Report how large a receive buffer the kernel grants a camera's socket (net.core.rmem_max)."""
    with socket.socket() as sock:
        camera_socket.request_buffer(sock, camera_socket.MAX_BUFFER)
        size = camera_socket.granted_buffer(sock)
    wanted = camera_socket.MAX_BUFFER
    if size < wanted:
        return [warning(V.BUFFERS_SMALL(granted=size, wanted=wanted), R.RAISE_RMEM(bytes=wanted))]
    return [ok(V.BUFFERS_LARGE(granted=size, wanted=wanted))]


def console(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that the console's port answers as a console, or is free."""
    web, subject = station.settings.web, f"{station.settings.web.host}:{station.settings.web.port}"
    if web.port == 0:
        return [unknown(V.PORT_ANY(), R.SET_PORT())]
    try:
        answer = _ask(station)
    except ConnectionRefusedError:
        return [_bindable(web.host, web.port, subject)]
    except (OSError, http.client.HTTPException, ValueError) as e:
        why = "it does not speak HTTP" if isinstance(e, http.client.HTTPException) else reason(e)
        return [failed(V.PORT_FOREIGN_BECAUSE(reason=why), R.END_OTHER_PROGRAM(), subject)]
    if not answer:
        return [failed(V.PORT_FOREIGN(), R.USE_OTHER_PORT(), subject)]
    return [ok(V.CONSOLE_ANSWERS(), subject)]


def _ask(station: CheckedStation) -> bool:
    """Return whether a console answers: its API refuses an anonymous request with a known code."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(station.settings.web.host, station.settings.web.host)
    connection: http.client.HTTPConnection
    if station.settings.web.tls is TlsMode.OWN:
        context = ssl.create_default_context()
        # The certificate check reports whose certificate it is.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, station.settings.web.port, timeout=3, context=context)
    else:
        connection = http.client.HTTPConnection(host, station.settings.web.port, timeout=3)
    with contextlib.closing(connection):
        connection.request("GET", "/api/me")
        reply = connection.getresponse()
        expected = {401: ErrorCode.SIGN_IN_FIRST, 429: ErrorCode.ANONYMOUS_LIMIT}.get(reply.status)
        return expected is not None and _code_of(reply.read(10_000)) == expected


def _code_of(answer: bytes) -> str:
    """Return the code of an error answer; empty if it is another program's. Raises ValueError."""
    told: JsonValue = json.loads(answer)
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else ""


def _bindable(host: str, port: int, subject: str) -> CheckResult:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as e:
            return failed(V.PORT_UNUSABLE(reason=e.strerror or ""), R.SET_HOST_AND_PORT(), subject)
    return warning(V.PORT_FREE(), R.START_IT(), subject)


def discovery_port(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check that UDP port 3702 can be bound: cameras send WS-Discovery Hello to it (multicast)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((ws_discovery.GROUP, ws_discovery.PORT))
        except OSError as e:
            return [warning(V.PORT_UNUSABLE(reason=e.strerror or ""), R.FREE_DISCOVERY_PORT())]
    return [ok(V.PORT_USABLE())]


def multicast(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check for each interface that is up that the group can be joined and that a datagram comes back."""
    names = {a.address: n for n, found in psutil.net_if_addrs().items() for a in found if a.family == socket.AF_INET}
    flags = psutil.net_if_stats()
    addresses = ws_discovery.interfaces()
    found = [_loop(a, names.get(a, "")) for a in addresses if "loopback" not in flags[names[a]].flags.split(",")]
    return found or [warning(V.NO_INTERFACE(), R.CONNECT_NETWORK())]


def _loop(address: str, name: str) -> CheckResult:
    subject, token = f"{name} {address}", f"minwang doctor {address}".encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(WAIT_S)
        try:
            s.bind(("", 0))
            membership = socket.inet_aton(ws_discovery.GROUP) + socket.inet_aton(address)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)  # does not leave the machine
            s.sendto(token, (ws_discovery.GROUP, s.getsockname()[1]))
            heard = s.recv(200) == token
        except OSError as e:
            why = "no datagram came back" if isinstance(e, TimeoutError) else e.strerror or ""
            return warning(V.MULTICAST_FAILS(reason=why), R.ALLOW_MULTICAST(), subject)
    return ok(V.MULTICAST_WORKS(), subject) if heard else warning(V.MULTICAST_FOREIGN(), R.RUN_AGAIN(), subject)
