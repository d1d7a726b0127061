"""XML namespaces of the ONVIF services."""

from __future__ import annotations

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
EVENTS = "http://www.onvif.org/ver10/events/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
IMAGING = "http://www.onvif.org/ver20/imaging/wsdl"
ANALYTICS = "http://www.onvif.org/ver20/analytics/wsdl"
RECORDING = "http://www.onvif.org/ver10/recording/wsdl"
SEARCH = "http://www.onvif.org/ver10/search/wsdl"
REPLAY = "http://www.onvif.org/ver10/replay/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"

# Element names in GetCapabilities replies (children of Capabilities and of its Extension).
CAPABILITY = {
    "Device": DEVICE, "Media": MEDIA, "Events": EVENTS, "PTZ": PTZ, "Imaging": IMAGING, "Analytics": ANALYTICS,
    "Recording": RECORDING, "Search": SEARCH, "Replay": REPLAY, "Media2": MEDIA2,
}  # fmt: skip
