"""Device service of a virtual camera: identity, clock, network and accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from cameras.onvif.camera_clock import zone_offset
from cameras.onvif.namespaces import (
    ANALYTICS,
    CAPABILITY,
    DEVICE,
    EVENTS,
    IMAGING,
    MEDIA,
    MEDIA2,
    PTZ,
    RECORDING,
    REPLAY,
    SEARCH,
)
from cameras.onvif.soap import Node
from cameras.virtual.device import Device

Operations = dict[str, tuple[str, Callable[[Node], str]]]
PATHS = {
    DEVICE: "device_service",
    MEDIA: "media_service",
    MEDIA2: "media2_service",
    EVENTS: "event_service",
    PTZ: "ptz_service",
    IMAGING: "imaging_service",
    ANALYTICS: "analytics_service",
    RECORDING: "recording_service",
    SEARCH: "search_service",
    REPLAY: "replay_service",
}


class OperationRefused(Exception):
    """The operation fails with a fault of this subcode."""


def offered(device: Device) -> dict[str, str]:
    """Return the addresses of the announced services by namespace."""
    namespaces = [DEVICE]
    if "media2_only" not in device.quirks:
        namespaces.append(MEDIA)
    if (
        "media2_only" in device.quirks
        or "media1_without_encoder" in device.quirks
        or "media2_without_types" in device.quirks
    ):
        namespaces.append(MEDIA2)
    namespaces.append(EVENTS)
    namespaces += [PTZ] if device.dome else []
    namespaces += [RECORDING, SEARCH, REPLAY] if device.card else []
    return {n: device.service if n == DEVICE else device.address_of(PATHS[n]) for n in namespaces}


class DeviceService:
    def __init__(self, device: Device):
        self.device = device

    def operations(self) -> Operations:
        methods: dict[str, Callable[[Node], str]] = {
            "GetDeviceInformation": self._information,
            "GetCapabilities": self._capabilities,
            "GetServices": self._services,
            "GetScopes": self._scopes,
            "GetNetworkInterfaces": self._interfaces,
            "GetNetworkProtocols": self._protocols,
            "SetNetworkProtocols": self._set_protocols,
            "GetHostname": self._hostname,
            "SetHostname": self._set_hostname,
            "GetNTP": self._ntp,
            "SetNTP": self._set_ntp,
            "GetDiscoveryMode": self._discovery,
            "SetDiscoveryMode": self._set_discovery,
            "GetUsers": self._users,
            "CreateUsers": self._create_users,
            "SetUser": self._set_users,
            "DeleteUsers": self._delete_users,
            "SetSystemDateAndTime": self._set_time,
        }
        if "no_get_services" in self.device.quirks:
            del methods["GetServices"]
        return {name: (DEVICE, method) for name, method in methods.items()}

    def time(self) -> str:
        """Return the reply to GetSystemDateAndTime."""
        d = self.device
        zone = zone_offset(d.zone) or timedelta(hours=8)
        utc = d.now() + (zone if "local_as_utc" in d.quirks else timedelta())
        parts = [
            f"<tt:DateTimeType>{d.clock_kind}</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>",
            f"<tt:TimeZone><tt:TZ>{escape(d.zone)}</tt:TZ></tt:TimeZone>",
        ]
        if "local_time_only" not in d.quirks:
            parts.append(self._moment("UTCDateTime", utc))
        parts.append(self._moment("LocalDateTime", d.now() + zone))
        return (
            f"<t:GetSystemDateAndTimeResponse><t:SystemDateAndTime>{''.join(parts)}</t:SystemDateAndTime>"
            "</t:GetSystemDateAndTimeResponse>"
        )

    def _moment(self, name: str, n: datetime) -> str:
        minute = 61 if "overflow_time" in self.device.quirks else n.minute
        time = (
            f"<tt:Time><tt:Hour>{n.hour}</tt:Hour><tt:Minute>{minute}</tt:Minute>"
            f"<tt:Second>{n.second}</tt:Second></tt:Time>"
        )
        date = f"<tt:Date><tt:Year>{n.year}</tt:Year><tt:Month>{n.month}</tt:Month><tt:Day>{n.day}</tt:Day></tt:Date>"
        return f"<tt:{name}>{date + time if 'date_before_time' in self.device.quirks else time + date}</tt:{name}>"

    def _set_time(self, operation: Node) -> str:
        d = self.device
        zone = operation.text("TimeZone/TZ") or d.zone
        if zone_offset(zone) is None or ("refuses_zone" in d.quirks and zone != d.zone):
            raise OperationRefused("ter:InvalidTimeZone")
        values = [operation.number(f"UTCDateTime/{p}") for p in DATETIME_PATHS]
        if operation.text("DateTimeType") == "Manual" and None not in values:
            year, month, day, hour, minute, second = (int(v or 0) for v in values)
            wanted = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
            d.clock_shift += (wanted - d.now()).total_seconds()
        d.clock_kind = operation.text("DateTimeType") or d.clock_kind
        d.zone = "UTC+0" if "set_resets_zone" in d.quirks else zone
        return "<t:SetSystemDateAndTimeResponse/>"

    def _information(self, _: Node) -> str:
        d = self.device
        return (
            f"<t:GetDeviceInformationResponse><t:Manufacturer>{escape(d.manufacturer)}</t:Manufacturer>"
            f"<t:Model>{escape(d.model)}</t:Model><t:FirmwareVersion>{escape(d.firmware)}</t:FirmwareVersion>"
            f"<t:SerialNumber>{d.announced_serial}</t:SerialNumber><t:HardwareId>virtual</t:HardwareId>"
            "</t:GetDeviceInformationResponse>"
        )

    def _capabilities(self, _: Node) -> str:
        addresses = offered(self.device)
        if "claims_events" in self.device.quirks:
            addresses[ANALYTICS] = self.device.address_of("analytics_service")
        names = {n: name for name, n in CAPABILITY.items()}
        inner = [
            f"<tt:{names[n]}><tt:XAddr>{a}</tt:XAddr></tt:{names[n]}>" for n, a in addresses.items() if n in _PLAIN
        ]
        extension = [
            f"<tt:{names[n]}><tt:XAddr>{a}</tt:XAddr></tt:{names[n]}>" for n, a in addresses.items() if n in _EXTENSION
        ]
        more = f"<tt:Extension>{''.join(extension)}</tt:Extension>" if extension else ""
        return (
            f"<t:GetCapabilitiesResponse><t:Capabilities>{''.join(inner)}{more}</t:Capabilities>"
            "</t:GetCapabilitiesResponse>"
        )

    def _services(self, _: Node) -> str:
        told = list(offered(self.device).items())
        if "few_services" in self.device.quirks:
            told = told[:1] + told[2:3]  # without the media service
        return "".join(
            ["<t:GetServicesResponse>"]
            + [
                f"<t:Service><t:Namespace>{n}</t:Namespace><t:XAddr>{a}</t:XAddr>"
                "<t:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></t:Version></t:Service>"
                for n, a in told
            ]
            + ["</t:GetServicesResponse>"]
        )

    def _scopes(self, _: Node) -> str:
        items = (
            f"<t:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{escape(s)}</tt:ScopeItem></t:Scopes>"
            for s in scopes(self.device)
        )
        return f"<t:GetScopesResponse>{''.join(items)}</t:GetScopesResponse>"

    def _interfaces(self, _: Node) -> str:
        hardware = "" if "no_mac" in self.device.quirks else f"<tt:HwAddress>{self.device.mac}</tt:HwAddress>"
        return (
            '<t:GetNetworkInterfacesResponse><t:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled><tt:Info>'
            f"<tt:Name>eth0</tt:Name>{hardware}<tt:MTU>1500</tt:MTU></tt:Info></t:NetworkInterfaces>"
            "</t:GetNetworkInterfacesResponse>"
        )

    def _protocols(self, _: Node) -> str:
        items = (
            f"<t:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>{str(on).lower()}</tt:Enabled>"
            f"<tt:Port>{port}</tt:Port></t:NetworkProtocols>"
            for name, (on, port) in self.device.protocols.items()
        )
        return f"<t:GetNetworkProtocolsResponse>{''.join(items)}</t:GetNetworkProtocolsResponse>"

    def _set_protocols(self, operation: Node) -> str:
        for node in operation.all("NetworkProtocols"):
            name = node.text("Name") or ""
            if name not in self.device.protocols:
                raise OperationRefused("ter:ServiceNotSupported")
            port = node.number("Port")
            self.device.protocols[name] = (
                node.text("Enabled") == "true",
                int(port) if port else self.device.protocols[name][1],
            )
        return "<t:SetNetworkProtocolsResponse/>"

    def _hostname(self, _: Node) -> str:
        name = escape(self.device.hostname)
        return (
            "<t:GetHostnameResponse><t:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP>"
            f"<tt:Name>{name}</tt:Name></t:HostnameInformation></t:GetHostnameResponse>"
        )

    def _set_hostname(self, operation: Node) -> str:
        self.device.hostname = operation.text("Name") or ""
        return "<t:SetHostnameResponse/>"

    def _ntp(self, _: Node) -> str:
        items = (
            f"<tt:NTPManual><tt:Type>IPv4</tt:Type><tt:IPv4Address>{a}</tt:IPv4Address></tt:NTPManual>"
            for a in self.device.ntp
        )
        return (
            f"<t:GetNTPResponse><t:NTPInformation><tt:FromDHCP>false</tt:FromDHCP>{''.join(items)}</t:NTPInformation>"
            "</t:GetNTPResponse>"
        )

    def _set_ntp(self, operation: Node) -> str:
        self.device.ntp = [
            t for n in operation.all("NTPManual") for p in ("IPv4Address", "IPv6Address", "DNSname") if (t := n.text(p))
        ]
        return "<t:SetNTPResponse/>"

    def _discovery(self, _: Node) -> str:
        mode = "Discoverable" if self.device.discoverable else "NonDiscoverable"
        return f"<t:GetDiscoveryModeResponse><t:DiscoveryMode>{mode}</t:DiscoveryMode></t:GetDiscoveryModeResponse>"

    def _set_discovery(self, operation: Node) -> str:
        self.device.discoverable = operation.text("DiscoveryMode") == "Discoverable"
        return "<t:SetDiscoveryModeResponse/>"

    def _users(self, _: Node) -> str:
        items = (
            f"<t:User><tt:Username>{escape(n)}</tt:Username><tt:UserLevel>{level}</tt:UserLevel></t:User>"
            for n, (_, level) in self.device.access_control.users.items()
        )
        return f"<t:GetUsersResponse>{''.join(items)}</t:GetUsersResponse>"

    def _create_users(self, operation: Node) -> str:
        if "ignores_users" in self.device.quirks:
            return "<t:CreateUsersResponse/>"
        for node in operation.all("User"):
            if "user_limit" in self.device.quirks:
                raise OperationRefused("ter:TooManyUsers")
            if (node.text("Username") or "") in self.device.access_control.users:
                raise OperationRefused("ter:UsernameClash")
            self._keep_user(node)
        return "<t:CreateUsersResponse/>"

    def _set_users(self, operation: Node) -> str:
        for node in operation.all("User"):
            if (node.text("Username") or "") not in self.device.access_control.users:
                raise OperationRefused("ter:UsernameMissing")
            self._keep_user(node)
        return "<t:SetUserResponse/>"

    def _keep_user(self, node: Node) -> None:
        password = node.text("Password") or ""
        if set(password) & set('&<>"%:@/'):
            raise OperationRefused("ter:PasswordTooWeak")  # some firmware fails on these characters
        if "short_passwords" in self.device.quirks and (len(password) > 12 or not password.isalnum()):
            raise OperationRefused("ter:PasswordTooLong")
        if "needs_sign" in self.device.quirks and password.isalnum():
            raise OperationRefused("ter:PasswordTooWeak")
        if "cuts_passwords" in self.device.quirks:
            password = password[:12]
        self.device.access_control.users[node.text("Username") or ""] = password, node.text("UserLevel") or "User"

    def _delete_users(self, operation: Node) -> str:
        for node in operation.all("Username"):
            if self.device.access_control.users.pop(node.text() or "", None) is None:
                raise OperationRefused("ter:UsernameMissing")
        return "<t:DeleteUsersResponse/>"


DATETIME_PATHS = ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")
_PLAIN = (ANALYTICS, DEVICE, EVENTS, IMAGING, MEDIA, PTZ)
_EXTENSION = (RECORDING, SEARCH, REPLAY)


def scopes(device: Device) -> list[str]:
    """Return the scopes for discovery and GetScopes."""
    prefix = "onvif://www.onvif.org"
    return [
        f"{prefix}/Profile/Streaming", f"{prefix}/type/video_encoder", f"{prefix}/name/{device.name}",
        f"{prefix}/hardware/{device.model}", *([f"{prefix}/Profile/G"] if device.card else []),
    ]  # fmt: skip
