"""The long tail of ONVIF operations: requests written by zeep from the WSDL documents, sent by our own client.

zeep (through onvif-zeep-async, the maintained descendant of onvif-zeep) knows the order and types of every element,
so it writes what is rarely asked: PTZ, OSD, users, encoder settings. It does not read: where a camera's reply differs
from the schema zeep silently leaves fields out. The documents are parsed once a process, at their first use, in a
thread: 0.4 s and 25 MB.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from pathlib import Path
from typing import Any

from lxml import etree

from cameras.onvif.client import TOTAL_SECONDS, SoapClient
from cameras.onvif.namespaces import DEVICE, EVENTS, IMAGING, MEDIA, PTZ, SCHEMA
from cameras.onvif.soap import Node

# Document and port type of each service.
_DOCUMENTS = {
    DEVICE: ("devicemgmt.wsdl", "DeviceBinding"),
    MEDIA: ("media.wsdl", "MediaBinding"),
    PTZ: ("ptz.wsdl", "PTZBinding"),
    IMAGING: ("imaging.wsdl", "ImagingBinding"),
    EVENTS: ("events.wsdl", "PullPointSubscriptionBinding"),
}
_lock = threading.Lock()


async def call(
    client: SoapClient, url: str, namespace: str, operation: str, *, seconds: float = TOTAL_SECONDS, **arguments: Any
) -> Node:
    """Write a request by the schema, send it, return the reply. Raises as SoapClient.call does; a TypeError or
    zeep's ValidationError where the arguments do not fit the schema is our own mistake."""
    body = await asyncio.to_thread(request, namespace, operation, **arguments)
    return await client.call(url, body, seconds=seconds)


def request(namespace: str, operation: str, **arguments: Any) -> str:
    """The body element of a request."""
    document = _document(namespace)
    with _lock:  # zeep's documents resolve types lazily
        envelope = document.create_message(_service(namespace), operation, **arguments)
    body = next(c for c in envelope if etree.QName(c).localname == "Body")
    # The service's namespace without a prefix, as cheap cameras want it.
    element = etree.Element(body[0].tag, nsmap={None: namespace, "tt": SCHEMA})  # type: ignore[dict-item]
    element.extend(list(body[0]))
    etree.cleanup_namespaces(element)
    return etree.tostring(element, encoding="unicode")


@functools.cache
def _document(namespace: str) -> Any:
    import onvif
    import zeep

    folder = Path(onvif.__file__).parent / "wsdl"
    settings = zeep.Settings(strict=False, xml_huge_tree=False)
    with _lock:
        return zeep.Client(str(folder / _DOCUMENTS[namespace][0]), settings=settings)


@functools.cache
def _service(namespace: str) -> Any:
    binding = f"{{{namespace}}}{_DOCUMENTS[namespace][1]}"
    return _document(namespace).create_service(binding, "http://camera.invalid/")
