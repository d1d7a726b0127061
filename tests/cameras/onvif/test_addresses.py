"""Addresses of cameras in the forms that people and registries write."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cameras.onvif.addresses import address_of, host_port, service_url
from cameras.registry.inventory_entries import CameraEntry

ADDRESSES = [
    ("10.0.0.5", "10.0.0.5", "http://10.0.0.5/onvif/device_service", "10.0.0.5:80"),
    ("10.0.0.5:8899", "10.0.0.5:8899", "http://10.0.0.5:8899/onvif/device_service", "10.0.0.5:8899"),
    (
        "10.0.0.5:2020/onvif/service",
        "10.0.0.5:2020/onvif/service",
        "http://10.0.0.5:2020/onvif/service",
        "10.0.0.5:2020",
    ),
    ("http://10.0.0.5/onvif/device_service", "10.0.0.5", "http://10.0.0.5/onvif/device_service", "10.0.0.5:80"),
    ("http://cam-1.lan/onvif/ptz?x=1", "cam-1.lan/onvif/ptz?x=1", "http://cam-1.lan/onvif/ptz?x=1", "cam-1.lan:80"),
    ("https://10.0.0.5/onvif/a", "https://10.0.0.5/onvif/a", "https://10.0.0.5/onvif/a", "10.0.0.5:443"),
    ("[fe80::1]:81/onvif/s", "[fe80::1]:81/onvif/s", "http://[fe80::1]:81/onvif/s", "[fe80::1]:81"),
    ("http://10.0.0.5:8080", "10.0.0.5:8080", "http://10.0.0.5:8080/onvif/device_service", "10.0.0.5:8080"),
]


@pytest.mark.parametrize(("told", "known", "service", "where"), ADDRESSES)
def test_an_address_may_be_a_url(told: str, known: str, service: str, where: str) -> None:
    assert (address_of(told), service_url(known), host_port(told)) == (known, service, where)
    entry = CameraEntry(id="c", name="c", village="v", address=told)
    assert service_url(address_of(entry.address or "")) == service


WRONG_ADDRESSES = [
    "http://user:secret@10.0.0.5/",
    "10.0.0.5:port",
    "a b",
    "http:///x",
    "10.0.0.5/a#b",
    "rtsp://10.0.0.5/x",
    "10.0.0.5:99999",
]


@pytest.mark.parametrize("wrong", WRONG_ADDRESSES)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="not an address"):
        CameraEntry(id="c", name="c", village="v", address=wrong)
