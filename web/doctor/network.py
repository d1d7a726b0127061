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
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

WAIT_S = 1.0


def receive_buffers(_station: CheckedStation) -> Sequence[CheckResult]:
    """Report how large a receive buffer the kernel grants a camera's socket (net.core.rmem_max)."""
    with socket.socket() as sock:
        camera_socket.request_buffer(sock, camera_socket.MAX_BUFFER)
        size = camera_socket.granted_buffer(sock)
    value = f"{size} of {camera_socket.MAX_BUFFER} bytes granted a camera"
    if size < camera_socket.MAX_BUFFER:
        remedy = f"echo net.core.rmem_max={camera_socket.MAX_BUFFER} > /etc/sysctl.d/60-minwang.conf; sysctl --system"
        return [warning(f"{value}: streams with a high bit rate must be read more often, which costs CPU", remedy)]
    return [ok(value)]


def console(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that the console's port answers as a console, or is free."""
    web, subject = station.settings.web, f"{station.settings.web.host}:{station.settings.web.port}"
    if web.port == 0:
        return [unknown("web.port = 0 chooses any free port", "set web.port, so that people know the address")]
    try:
        answer = _ask(station)
    except ConnectionRefusedError:
        return [_bindable(web.host, web.port, subject)]
    except (OSError, http.client.HTTPException, ValueError) as e:
        why = "it does not speak HTTP" if isinstance(e, http.client.HTTPException) else reason(e)
        return [
            failed(
                f"another program answers ({why})",
                "set web.port to another, or end what holds it (ss -ltnp)",
                subject,
            )
        ]
    if not answer:
        return [
            failed(
                "another program answers", "use another web.port, or stop the program that uses it (ss -ltnp)", subject
            )
        ]
    return [ok("the console answers", subject)]


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
            return failed(
                f"cannot be used ({e.strerror})",
                "set web.host to an address of this machine and web.port to a free port",
                subject,
            )
    return warning("free: the station does not run", "start it: minwang serve, or systemctl start minwang", subject)


def discovery_port(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check that UDP port 3702 can be bound: cameras send WS-Discovery Hello to it (multicast)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((ws_discovery.GROUP, ws_discovery.PORT))
        except OSError as e:
            return [
                warning(
                    f"cannot be used ({e.strerror})",
                    "stop the program that uses it (ss -lunp); until then new cameras are found once an hour",
                )
            ]
    return [ok("can be bound")]


def multicast(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check for each interface that is up that the group can be joined and that a datagram comes back."""
    names = {a.address: n for n, found in psutil.net_if_addrs().items() for a in found if a.family == socket.AF_INET}
    flags = psutil.net_if_stats()
    addresses = ws_discovery.interfaces()
    found = [_loop(a, names.get(a, "")) for a in addresses if "loopback" not in flags[names[a]].flags.split(",")]
    return found or [warning("no interface but loopback is up", "connect the camera network")]


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
            why = "no datagram came back" if isinstance(e, TimeoutError) else e.strerror
            return warning(
                f"multicast does not work ({why})",
                "allow it in the firewall (udp 3702, group 239.255.255.250); "
                "cameras are found by their addresses until then",
                subject,
            )
    return (
        ok("group joined, datagram came back", subject)
        if heard
        else warning("foreign datagram", "run it again", subject)
    )
