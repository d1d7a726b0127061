"""The install page `/ca`: how a phone comes to trust the station's certificate authority.

It is public and contains only the authority's certificate, against which a client checks every TLS connection to the
station anyway.
"""

from __future__ import annotations

import plistlib
import uuid
from pathlib import Path

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from jinja2 import Environment, FileSystemLoader, select_autoescape

from core.error_codes import ErrorCode
from core.errors import CertificateError, NotFoundError
from web.tls.authority import Authority
from web.tls.certificate import common_name, fingerprint

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape())
PAGE, CERTIFICATE, PROFILE = "/ca", "/ca/minwang.crt", "/ca/minwang.mobileconfig"
_KEPT = {"Cache-Control": "public, max-age=300"}


def answer(data_dir: Path, path: str) -> web.Response:
    """Return the page or one of its files. Blocking. Raises NotFoundError if the station has no own authority."""
    try:
        authority = Authority(data_dir).certificate()
    except CertificateError as e:
        raise NotFoundError("this station has no certificate authority of its own", ErrorCode.NO_OWN_AUTHORITY) from e
    der = authority.public_bytes(serialization.Encoding.DER)
    name = common_name(authority.subject)
    if path == CERTIFICATE:
        return _download(der, "application/x-x509-ca-cert", "minwang.crt")
    if path == PROFILE:
        return _download(profile(der, name), "application/x-apple-aspen-config", "minwang.mobileconfig")
    until = f"{authority.not_valid_after_utc:%Y-%m-%d}"
    html = _PAGES.get_template("ca.html").render(fingerprint=fingerprint(authority), name=name, until=until)
    return web.Response(text=html, content_type="text/html", headers=_KEPT)


def profile(der: bytes, name: str) -> bytes:
    """Return Apple's configuration profile with one root certificate (Device Management, com.apple.security.root)."""
    number = uuid.uuid5(uuid.NAMESPACE_OID, der.hex())
    root = {
        "PayloadType": "com.apple.security.root", "PayloadVersion": 1, "PayloadIdentifier": f"minwang.ca.{number}.root",
        "PayloadUUID": str(uuid.uuid5(number, "root")).upper(), "PayloadDisplayName": name,
        "PayloadCertificateFileName": "minwang.crt", "PayloadContent": der,
    }  # fmt: skip
    return plistlib.dumps(
        {
            "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": f"minwang.ca.{number}",
            "PayloadUUID": str(number).upper(), "PayloadDisplayName": name, "PayloadContent": [root],
            "PayloadDescription": "民网证书 · Certificate of the Minwang station",
        }
    )  # fmt: skip


def _download(content: bytes, kind: str, name: str) -> web.Response:
    headers = {**_KEPT, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, content_type=kind, headers=headers)
