"""Rarely used ONVIF requests: zeep writes them from the WSDL documents, our own client sends them.

zeep (through onvif-zeep-async, the maintained successor of onvif-zeep) knows the order and type of every element, so it
writes requests for PTZ, OSD, users and encoder settings. It does not read replies: where a reply differs from the
schema, zeep silently omits fields. The documents are parsed once per process, at first use, in a thread: 0.4 s and 25
MB.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from lxml import etree

from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE, EVENTS, IMAGING, MEDIA, PTZ, SCHEMA
from cameras.onvif.soap import Node

# WSDL document and binding of each service.
_DOCUMENTS = {
    DEVICE: ("devicemgmt.wsdl", "DeviceBinding"),
    MEDIA: ("media.wsdl", "MediaBinding"),
    PTZ: ("ptz.wsdl", "PTZBinding"),
    IMAGING: ("imaging.wsdl", "ImagingBinding"),
    EVENTS: ("events.wsdl", "PullPointSubscriptionBinding"),
}
_lock = threading.Lock()
Argument: TypeAlias = "str | float | bool | Sequence[Argument] | Mapping[str, Argument] | None"
"""A value of a request: an element's text, several elements, or an element's parts by name."""


class _Service(Protocol):
    """A binding of a WSDL document (zeep.proxy.ServiceProxy), opaque to us."""


class _Document(Protocol):
    """What we use of zeep.Client, which has no types."""

    def create_service(self, binding: str, address: str, /) -> _Service: ...

    def create_message(self, service: _Service, operation: str, /, **arguments: Argument) -> etree._Element: ...


async def call(client: SoapClient, url: str, namespace: str, operation: str, **arguments: Argument) -> Node:
    """Write a request from the schema, send it and return the reply.

    Raises as SoapClient.call. A TypeError or zeep's ValidationError means that our arguments do not fit the schema.
    """
    body = await asyncio.to_thread(request, namespace, operation, **arguments)
    return await client.call(url, body)


def request(namespace: str, operation: str, **arguments: Argument) -> str:
    """Return the body element of a request as XML text."""
    document = _document(namespace)
    with _lock:  # zeep's documents resolve types lazily
        envelope = document.create_message(_service(namespace), operation, **arguments)
    body = next(c for c in envelope if etree.QName(c).localname == "Body")
    # Cheap cameras need the service's namespace as the default namespace, without a prefix.
    element = etree.Element(body[0].tag, nsmap={None: namespace, "tt": SCHEMA})  # type: ignore[dict-item]
    element.extend(list(body[0]))
    etree.cleanup_namespaces(element)
    return etree.tostring(element, encoding="unicode")


@functools.cache
def _document(namespace: str) -> _Document:
    import onvif
    import zeep

    folder = Path(onvif.__file__).parent / "wsdl"
    settings = zeep.Settings(strict=False, xml_huge_tree=False)
    with _lock:
        document: _Document = zeep.Client(str(folder / _DOCUMENTS[namespace][0]), settings=settings)
    return document


@functools.cache
def _service(namespace: str) -> _Service:
    binding = f"{{{namespace}}}{_DOCUMENTS[namespace][1]}"
    return _document(namespace).create_service(binding, "http://camera.invalid/")
