"""Repair the addresses that a camera reports; no other module does this.

Cameras report outdated hosts, 0.0.0.0, relative paths, port 80 for RTSP, two ports, and passwords in the URL. The host
that answered us always replaces the reported host, so a camera cannot redirect the station to the station's own
services or to a third party.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit, urlunsplit

DEFAULT_PATH = "/onvif/device_service"
RTSP_PORT = 554
MAX_URL_CHARS = 400  # characters; the size of the columns Stream.url, Stream.snapshot_url and DeviceSeen.url
# Passwords in the path or query, as some makes write them: user=admin_password=x_channel=1, ?usr=admin&pwd=x. A value
# may contain '_': it ends where the next name begins.
_VALUE = r"([^&/?;]*?)(?=[&/?;]|_[a-zA-Z]+=|$)"
USER_NAMES = r"(?:login|user|usr|account)_?(?:name|user|use|id)?"
PASSWORD_NAMES = (  # bounded repetition: the text comes from an untrusted device
    r"(?:[a-z]{0,12}(?:passw[a-z]{0,6}|pwd|pswd|psw|mima)"
    r"|(?:user|usr|login|admin)?_?(?:passcode|passphrase|pass|pas|pw|secret))\d?"
)
_USER = re.compile(rf"(?<![a-z])({USER_NAMES})={_VALUE}", re.IGNORECASE)
_PASSWORD = re.compile(rf"(?<![a-z])({PASSWORD_NAMES})={_VALUE}", re.IGNORECASE)
# u= and p= are a login only where both occur and there is no other password parameter; a lone p= is a profile or a
# page.
_SHORT_USER = re.compile(rf"(?<=[?&;])(u)={_VALUE}", re.IGNORECASE)
_SHORT_PASSWORD = re.compile(rf"(?<=[?&;])(p)={_VALUE}", re.IGNORECASE)
MIN_REPLACED_PASSWORD_CHARS = 8  # characters; a shorter password may occur in an address by chance
# base64 of user:password, and session tokens. Tokens shorter than 20 characters are profile names.
_BASIC = re.compile(rf"(?<![a-z])(authbasic|auth|authorization)={_VALUE}", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![a-z])((?:access_?)?token|session_?id)=([^&/?;]{20,})", re.IGNORECASE)
_HOST = re.compile(r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*|[A-Za-z0-9._-]+")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def service_url(address: str) -> str:
    """Return the device service URL of a camera given as host or host:port, with or without a path, or as a URL."""
    if address.startswith(("http://", "https://")):
        return address
    return f"http://{address}" if "/" in address else f"http://{address}{DEFAULT_PATH}"


def address_of(url: str) -> str:
    """Return the registry's form of a device service URL: host[:port], plus the path if it is not the default one.

    An https address stays a whole URL. Raises ValueError for an invalid address.
    """
    if "://" in url and not url.startswith(("http://", "https://")):
        raise ValueError("the ONVIF service needs an http or https address")
    parts = urlsplit(service_url(url))
    port = f":{parts.port}" if parts.port else ""  # raises ValueError for an invalid port
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or parts.username is not None or parts.fragment or _UNSAFE.search(url):
        raise ValueError("an address is a host, host:port or the URL of the ONVIF service, without user and password")
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    path = "" if path in ("", "/", DEFAULT_PATH) else path
    if parts.scheme == "https":
        return f"https://{bracket(host)}{port}{path or DEFAULT_PATH}"
    return f"{bracket(host)}{port}{path}"


def host_port(address: str) -> str:
    """Return host:port of a camera address in any of its forms, with the default port filled in.

    Returns an invalid address unchanged: callers compare many addresses at once, and no device answers there.
    """
    try:
        parts = urlsplit(service_url(address))
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return address
    return f"{bracket(parts.hostname or '')}:{port}"


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def repair_http(found: str, device_url: str) -> str:
    """Return a reported address with its scheme, port, path and query, but on the host that answered us."""
    found = _UNSAFE.sub("", found.strip())
    known = urlsplit(device_url)
    if "://" not in found:  # a relative path; 'host/path' without a scheme looks the same
        return urlunsplit((known.scheme, known.netloc, "/" + found.lstrip("/"), "", ""))
    scheme, _, rest = found.partition("://")
    scheme = scheme.lower() if scheme.lower() in ("http", "https") else known.scheme
    authority, slash, path = _split_authority(rest)
    port = _port(authority)
    return f"{scheme}://{bracket(known.hostname or '')}{f':{port}' if port else ''}{slash}{path.partition('#')[0]}"


def repair_snapshot(found: str, device_url: str) -> str:
    """Repair an address like `repair_http` and replace credentials with placeholders."""
    return replace_credentials(repair_http(found, device_url))


def replace_credentials(url: str) -> str:
    """Replace credentials in path and query with placeholders and remove the values of session tokens.

    The placeholders are `{user}`, `{password}` and `{basic}`; `insert_credentials` replaces them with a login.
    """
    user, password = _names(url)
    if password.search(url):
        url = password.sub(r"\1={password}", user.sub(r"\1={user}", url))
    return _TOKEN.sub(r"\1=", _BASIC.sub(lambda m: f"{m[1]}={{basic}}" if m[2] else m[0], url))


def _names(url: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns for the names of the user and password parameters in this address."""
    if not _PASSWORD.search(url) and _SHORT_USER.search(url) and _SHORT_PASSWORD.search(url):
        return _SHORT_USER, _SHORT_PASSWORD
    return _USER, _PASSWORD


def replace_own_password(url: str, login: tuple[str, str] | None) -> str:
    """Replace our own password in the path and query, under whatever name the camera writes it, with a placeholder."""
    if login is None or len(login[1]) < MIN_REPLACED_PASSWORD_CHARS:
        return url
    head, slash, path = url.partition("://")[2].partition("/")
    for secret in (quote(login[1], safe=""), quote(login[1]), login[1]):
        path = path.replace(secret, "{password}")
    return f"{url.partition('://')[0]}://{head}{slash}{path}"


def with_port_of(url: str, device_url: str) -> str:
    """Return the same path on the scheme, host and port of the device service.

    Used where nobody listens on the port that the camera reports.
    """
    parts, known = urlsplit(url), urlsplit(device_url)
    return urlunsplit((known.scheme, known.netloc, parts.path, parts.query, ""))


def repair_rtsp(found: str, device_url: str, port: int | None = None) -> str:
    """Return an RTSP address on the host that answered us, without credentials.

    A missing port, port 80 and two ports become `port` (from GetNetworkProtocols), else 554.
    """
    found = _UNSAFE.sub("", found.strip())
    scheme, separator, rest = found.partition("://")
    if not separator:
        scheme, rest = "rtsp", f"/{found.lstrip('/')}"
    scheme = scheme.lower() if scheme.lower() in ("rtsp", "rtsps") else "rtsp"
    authority, slash, path = _split_authority(rest)
    reported_port = _port(authority)
    use = (
        port or RTSP_PORT
        if reported_port in (None, 80) or authority.rpartition("@")[2].rpartition("]")[2].count(":") > 1
        else reported_port
    )
    shown = "" if use == (322 if scheme == "rtsps" else RTSP_PORT) else f":{use}"
    return f"{scheme}://{bracket(host_of(device_url))}{shown}{slash}{replace_credentials(path)}"


def login_from_url(url: str) -> tuple[str, str] | None:
    """Return user and password from an address: user:password@host, or parameters of path and query.

    Returns None for logins that no camera accepts: a user name of more than 60 characters or with a NUL, or a password
    of more than 200 bytes.
    """
    found = _find_login(url)
    if found is None or len(found[0]) > 60 or "\0" in found[0] or len(found[1].encode()) > 200:
        return None
    return found


def _find_login(url: str) -> tuple[str, str] | None:
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
    return _decode_basic(unquote(basic.group(2))) if basic else None


def _decode_basic(text: str) -> tuple[str, str] | None:
    try:
        user, colon, password = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def wants_password(url: str) -> bool:
    """Return whether the address contains a placeholder for a password."""
    return "{password}" in url or "{basic}" in url


def insert_credentials(url: str, login: tuple[str, str] | None) -> str:
    """Return the address to connect to: replace the placeholders of `replace_credentials` with the login."""
    if not wants_password(url):
        return url
    user, password = login or ("", "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    url = url.replace("{basic}", quote(basic, safe=""))
    return url.replace("{user}", quote(user, safe="")).replace("{password}", quote(password, safe=""))


@lru_cache(4096)
def bracket(host: str) -> str:
    """Return a host for use in a URL: an IPv6 address in brackets, any other host unchanged."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host.partition("%")[0]).version == 6 else host
    except ValueError:
        return host


def _split_authority(rest: str) -> tuple[str, str, str]:
    """Split 'host:80/a?b' into 'host:80', '/' and 'a?b'; the query may follow the authority directly."""
    found = re.search(r"[/?]", rest)
    if found is None:
        return rest, "", ""
    at = found.start()
    return (rest[:at], "/", rest[at + 1 :]) if rest[at] == "/" else (rest[:at], "/", rest[at:])


def _port(authority: str) -> int | None:
    """Return the last port of an authority, or None if there is no valid one."""
    found = re.search(r":(\d{1,5})$", authority)
    number = int(found.group(1)) if found else 0
    return number if 0 < number < 65536 else None
