"""Rewrite well-formed SOAP envelopes into the malformed ones that real cameras send."""

from __future__ import annotations

import re
from collections.abc import Collection

from lxml import etree

_BODY = re.compile(r"(<s:Body[^>]*>)(.*)(</s:Body>)", re.DOTALL)
_SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
_SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
_TREE_QUIRKS = ("reordered", "unknown_elements", "wrong_namespace")
BOUNDARY = "uuid:4d574e47"


def apply_quirks(text: str, quirks: Collection[str]) -> tuple[bytes, str]:
    """Return body and Content-Type of a reply."""
    if any(q in quirks for q in _TREE_QUIRKS):
        text = _with_tree_quirks(text, quirks)
    if "undeclared_prefix" in quirks:
        text = re.sub(r"<(/?)tt:", r"<\1vendor:", text)
    if "bare_ampersand" in quirks:
        text = text.replace("&amp;", "&")
    if "soap11" in quirks:
        text = text.replace(_SOAP12, _SOAP11)
    if "gbk" in quirks:
        return re.sub(r"^<\?xml[^>]*\?>", "", text).encode("gb18030"), "application/soap+xml"
    if "bom" in quirks:
        return b"\xef\xbb\xbf\r\n\r\n" + text.encode(), "application/soap+xml; charset=utf-8"
    if "multipart" in quirks:
        part = f"--{BOUNDARY}\r\nContent-Type: application/xop+xml\r\n\r\n{text}\r\n--{BOUNDARY}\r\n\r\n".encode()
        return (
            part + b"\x89\x00\xff<binary>\r\n" + f"--{BOUNDARY}--\r\n".encode(),
            f'multipart/related; boundary="{BOUNDARY}"',
        )
    return text.encode(), "text/xml" if "soap11" in quirks else "application/soap+xml; charset=utf-8"


def _with_tree_quirks(text: str, quirks: Collection[str]) -> str:
    root = etree.fromstring(text.encode())
    content = root[-1]
    if "reordered" in quirks:
        for element in list(content.iter()):
            children = list(element)
            if len({c.tag for c in children}) > 1:  # lists keep their order
                element[:] = sorted(children, key=lambda c: str(c.tag)[::-1])
    if "unknown_elements" in quirks:
        for element in list(content[0].iter()):
            if len(element):
                for place in (0, len(element) // 2 + 1):
                    odd = etree.Element("{http://vendor.example/extra}Extra")
                    odd.text = "\u00d7"
                    element.insert(place, odd)
    if "wrong_namespace" in quirks:
        for element in content.iter():
            element.tag = f"{{http://vendor.example/schema}}{str(element.tag).rpartition('}')[2]}"
        for element in (root, content):
            element.tag = f"{{{_SOAP12}}}{str(element.tag).rpartition('}')[2]}"
    return '<?xml version="1.0" encoding="UTF-8"?>' + etree.tostring(root, encoding="unicode")
