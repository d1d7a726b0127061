"""Addresses that a camera gives, repaired: here and nowhere else.

Cameras tell old hosts, 0.0.0.0, relative paths, port 80 for RTSP, two ports, passwords. The host that answered us
always stands in for the one that is told: a camera cannot send us to the station's own services or to anybody else.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit, urlunsplit

DEFAULT_PATH = "/onvif/device_service"
RTSP_PORT = 554
MAX_URL = 400  # characters of an address that is kept: Stream.url, Stream.snapshot_url, DeviceSeen.url
# Passwords in the path or query, as some makes write them: user=admin_password=x_channel=1, ?usr=admin&pwd=x
# A value may hold '_' itself: it ends where the next name begins.
_VALUE = r"([^&/?;]*?)(?=[&/?;]|_[a-zA-Z]+=|$)"
USER_NAMES = r"(?:login|user|usr|account)_?(?:name|user|use|id)?"
PASSWORD_NAMES = (  # bounded: the text is a stranger's
    r"(?:[a-z]{0,12}(?:passw[a-z]{0,6}|pwd|pswd|psw|mima)|(?:user|usr|login|admin)?_?(?:passcode|passphrase|pass|pas|pw|secret))\d?"
)
_USER = re.compile(rf"(?<![a-z])({USER_NAMES})={_VALUE}", re.IGNORECASE)
_PASSWORD = re.compile(rf"(?<![a-z])({PASSWORD_NAMES})={_VALUE}", re.IGNORECASE)
# u= and p= are a login where both stand and nothing else is one; alone, p= is a profile or a page.
_SHORT_USER = re.compile(rf"(?<=[?&;])(u)={_VALUE}", re.IGNORECASE)
_SHORT_PASSWORD = re.compile(rf"(?<=[?&;])(p)={_VALUE}", re.IGNORECASE)
OWN_PASSWORD = 8  # characters: a shorter one may stand in an address by chance
# base64 of user:password, and session tokens. Short tokens are names of profiles.
_BASIC = re.compile(rf"(?<![a-z])(authbasic|auth|authorization)={_VALUE}", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![a-z])((?:access_?)?token|session_?id)=([^&/?;]{20,})", re.IGNORECASE)
_HOST = re.compile(r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*|[A-Za-z0-9._-]+")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def service_url(address: str) -> str:
    """The device service of a camera known as host, host:port, either with a path, or as a whole URL."""
    if address.startswith(("http://", "https://")):
        return address
    return f"http://{address}" if "/" in address else f"http://{address}{DEFAULT_PATH}"


def address_of(url: str) -> str:
    """How a camera with this device service is known: host[:port], with its path where that is not the usual one; an https
    address as a whole. Raises ValueError for what is no such address."""
    if "://" in url and not url.startswith(("http://", "https://")):
        raise ValueError("the ONVIF service is spoken to over http or https")
    parts = urlsplit(service_url(url))
    told = f":{parts.port}" if parts.port else ""  # raises ValueError where it is no number
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or parts.username is not None or parts.fragment or _UNSAFE.search(url):
        raise ValueError("an address is a host, host:port or the URL of the ONVIF service, without user and password")
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    path = "" if path in ("", "/", DEFAULT_PATH) else path
    if parts.scheme == "https":
        return f"https://{bracket(host)}{told}{path or DEFAULT_PATH}"
    return f"{bracket(host)}{told}{path}"


def host_port(address: str) -> str:
    """host:port of a camera's address in any of its forms, also where the port is left out. What is no address stays as it is:
    nothing that answers is there, and many are compared at once."""
    try:
        parts = urlsplit(service_url(address))
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return address
    return f"{bracket(parts.hostname or '')}:{port}"


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def repair_http(found: str, device_url: str) -> str:
    """Keep scheme, port, path and query of an address that the camera gave, on the host that answered us."""
    found = _UNSAFE.sub("", found.strip())
    known = urlsplit(device_url)
    if "://" not in found:  # relative, and 'host/path' without a scheme cannot be told from it
        return urlunsplit((known.scheme, known.netloc, "/" + found.lstrip("/"), "", ""))
    scheme, _, rest = found.partition("://")
    scheme = scheme.lower() if scheme.lower() in ("http", "https") else known.scheme
    authority, slash, path = _split_authority(rest)
    port = _port(authority)
    return f"{scheme}://{bracket(known.hostname or '')}{f':{port}' if port else ''}{slash}{path.partition('#')[0]}"


def repair_snapshot(found: str, device_url: str) -> str:
    """As `repair_http`, without credentials."""
    return cleaned(repair_http(found, device_url))


def cleaned(url: str) -> str:
    """Without what a camera wrote of credentials into path and query: `{user}`, `{password}` and `{basic}` stand for a login
    that `filled` puts in again; session tokens go."""
    user, password = _names(url)
    if password.search(url):
        url = password.sub(r"\1={password}", user.sub(r"\1={user}", url))
    return _TOKEN.sub(r"\1=", _BASIC.sub(lambda m: f"{m[1]}={{basic}}" if m[2] else m[0], url))


def _names(url: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """How this address writes user and password."""
    if not _PASSWORD.search(url) and _SHORT_USER.search(url) and _SHORT_PASSWORD.search(url):
        return _SHORT_USER, _SHORT_PASSWORD
    return _USER, _PASSWORD


def without_own(url: str, login: tuple[str, str] | None) -> str:
    """Without our own password, under whatever name or place of the path a camera writes it."""
    if login is None or len(login[1]) < OWN_PASSWORD:
        return url
    head, slash, path = url.partition("://")[2].partition("/")
    for secret in (quote(login[1], safe=""), quote(login[1]), login[1]):
        path = path.replace(secret, "{password}")
    return f"{url.partition('://')[0]}://{head}{slash}{path}"


def with_port_of(url: str, device_url: str) -> str:
    """The same service on the port (and scheme) of the device service: a told port that nobody listens on."""
    parts, known = urlsplit(url), urlsplit(device_url)
    return urlunsplit((known.scheme, known.netloc, parts.path, parts.query, ""))


def repair_rtsp(found: str, device_url: str, port: int | None = None) -> str:
    """RTSP address on the host that answered, without credentials.

    Port 80 and two ports become `port` (as GetNetworkProtocols tells it), else 554.
    """
    found = _UNSAFE.sub("", found.strip())
    scheme, separator, rest = found.partition("://")
    if not separator:
        scheme, rest = "rtsp", f"/{found.lstrip('/')}"
    scheme = scheme.lower() if scheme.lower() in ("rtsp", "rtsps") else "rtsp"
    authority, slash, path = _split_authority(rest)
    told = _port(authority)
    use = (
        port or RTSP_PORT
        if told in (None, 80) or authority.rpartition("@")[2].rpartition("]")[2].count(":") > 1
        else told
    )
    shown = "" if use == (322 if scheme == "rtsps" else RTSP_PORT) else f":{use}"
    return f"{scheme}://{bracket(host_of(device_url))}{shown}{slash}{cleaned(path)}"


def login_in(url: str) -> tuple[str, str] | None:
    """User and password that a camera wrote into an address: user:password@host, or in path and query. None for what no camera
    takes: users of more than 60 characters or with a NUL, passwords of more than 200 bytes."""
    found = _login_in(url)
    if found is None or len(found[0]) > 60 or "\0" in found[0] or len(found[1].encode()) > 200:
        return None
    return found


def _login_in(url: str) -> tuple[str, str] | None:
    authority, _, path = _split_authority(url.partition("://")[2])
    user_info = authority.rpartition("@")[0]
    if ":" in user_info:
        user, _, password = user_info.partition(":")
        return unquote(user), unquote(password)
    user_name, password_name = _names(path)
    user_found, password_found = user_name.search(path), password_name.search(path)
    if user_found and password_found:
        return unquote(user_found.group(2)), unquote(password_found.group(2))
    basic = _BASIC.search(path)
    return _of_basic(unquote(basic.group(2))) if basic else None


def _of_basic(text: str) -> tuple[str, str] | None:
    try:
        user, colon, password = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def wants_password(url: str) -> bool:
    """The camera keeps the password in its address."""
    return "{password}" in url or "{basic}" in url


def filled(url: str, login: tuple[str, str] | None) -> str:
    """The address to connect to: `{user}`, `{password}` and `{basic}`, left by `cleaned`, are put in."""
    if not wants_password(url):
        return url
    user, password = login or ("", "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    url = url.replace("{basic}", quote(basic, safe=""))
    return url.replace("{user}", quote(user, safe="")).replace("{password}", quote(password, safe=""))


@lru_cache(4096)
def bracket(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host.partition("%")[0]).version == 6 else host
    except ValueError:
        return host


def _split_authority(rest: str) -> tuple[str, str, str]:
    """'host:80/a?b' to 'host:80', '/', 'a?b'; an address may go on with '?' at once."""
    found = re.search(r"[/?]", rest)
    if found is None:
        return rest, "", ""
    at = found.start()
    return (rest[:at], "/", rest[at + 1 :]) if rest[at] == "/" else (rest[:at], "/", rest[at:])


def _port(authority: str) -> int | None:
    """The last of the ports in it; None where there is none that can be one."""
    found = re.search(r":(\d{1,5})$", authority)
    number = int(found.group(1)) if found else 0
    return number if 0 < number < 65536 else None
