"""PTZ service of a virtual dome: continuous moves, presets and a home position."""

from __future__ import annotations

import time
from xml.sax.saxutils import escape, quoteattr

from cameras.onvif.namespaces import PTZ
from cameras.onvif.soap import Node
from cameras.virtual.device import Device
from cameras.virtual.device_service import OperationRefused, Operations

DEGREES_A_SECOND = 90.0
ZOOM_A_SECOND = 5.0
MAX_ZOOM = 20.0


class PtzService:
    def __init__(self, device: Device):
        self.device = device

    def operations(self) -> Operations:
        methods = {
            "GetNodes": self._nodes,
            "GetConfigurations": self._configurations,
            "GetStatus": self._status,
            "ContinuousMove": self._move,
            "Stop": self._stop,
            "GetPresets": self._presets,
            "SetPreset": self._set_preset,
            "RemovePreset": self._remove_preset,
            "GotoPreset": self._goto_preset,
            "GotoHomePosition": self._goto_home,
            "SetHomePosition": self._set_home,
        }
        return {name: (PTZ, method) for name, method in methods.items()}

    def position(self) -> tuple[float, float, float]:
        """Return the current pan and tilt in degrees and the zoom factor."""
        p, now = self.device.ptz, time.monotonic()
        if p.moved_at:
            spent = max(0.0, min(now, p.stops_at) - p.moved_at)
            p.pan = (p.pan + p.speed[0] * DEGREES_A_SECOND * spent + 180) % 360 - 180
            p.tilt = max(-90.0, min(90.0, p.tilt + p.speed[1] * DEGREES_A_SECOND * spent))
            p.zoom = max(1.0, min(MAX_ZOOM, p.zoom + p.speed[2] * ZOOM_A_SECOND * spent))
            p.moved_at = now if now < p.stops_at else 0.0
        return p.pan, p.tilt, p.zoom

    @property
    def moving(self) -> bool:
        self.position()
        return self.device.ptz.moved_at > 0

    def _to(self, place: tuple[float, float, float]) -> None:
        p = self.device.ptz
        p.moved_at, (p.pan, p.tilt, p.zoom) = 0.0, place

    def _nodes(self, _: Node) -> str:
        return (
            '<t:GetNodesResponse><t:PTZNode token="node"><tt:Name>node</tt:Name><tt:SupportedPTZSpaces/>'
            "<tt:MaximumNumberOfPresets>16</tt:MaximumNumberOfPresets><tt:HomeSupported>true</tt:HomeSupported>"
            "</t:PTZNode></t:GetNodesResponse>"
        )

    def _configurations(self, _: Node) -> str:
        return (
            '<t:GetConfigurationsResponse><t:PTZConfiguration token="ptz"><tt:Name>ptz</tt:Name>'
            "<tt:UseCount>2</tt:UseCount><tt:NodeToken>node</tt:NodeToken></t:PTZConfiguration>"
            "</t:GetConfigurationsResponse>"
        )

    def _status(self, _: Node) -> str:
        pan, tilt, zoom = self.position()
        state = "MOVING" if self.moving else "IDLE"
        return (
            f'<t:GetStatusResponse><t:PTZStatus><tt:Position><tt:PanTilt x="{pan / 180:.4f}" y="{tilt / 90:.4f}"/>'
            f'<tt:Zoom x="{(zoom - 1) / (MAX_ZOOM - 1):.4f}"/></tt:Position>'
            f"<tt:MoveStatus><tt:PanTilt>{state}</tt:PanTilt>"
            f"<tt:Zoom>{state}</tt:Zoom></tt:MoveStatus><tt:UtcTime>{self.device.now():%Y-%m-%dT%H:%M:%SZ}</tt:UtcTime>"
            "</t:PTZStatus></t:GetStatusResponse>"
        )

    def _move(self, operation: Node) -> str:
        self.position()
        turn, zoom = operation.get("Velocity/PanTilt"), operation.get("Velocity/Zoom")
        speed = (_number(turn, "x"), _number(turn, "y"), _number(zoom, "x"))
        if any(abs(v) > 1 for v in speed):
            raise OperationRefused("ter:InvalidVelocity")
        p, now = self.device.ptz, time.monotonic()
        p.speed, p.moved_at, p.stops_at = speed, now, now + 60.0
        return "<t:ContinuousMoveResponse/>"

    def _stop(self, _: Node) -> str:
        self.position()
        self.device.ptz.moved_at = 0.0
        return "<t:StopResponse/>"

    def _presets(self, _: Node) -> str:
        inner = "".join(
            f"<t:Preset token={quoteattr(token)}><tt:Name>{escape(name)}</tt:Name></t:Preset>"
            for token, (name, *_) in self.device.ptz.presets.items()
        )
        return f"<t:GetPresetsResponse>{inner}</t:GetPresetsResponse>"

    def _set_preset(self, operation: Node) -> str:
        token = operation.text("PresetToken") or f"p{len(self.device.ptz.presets) + 1}"
        self.device.ptz.presets[token] = operation.text("PresetName") or token, *self.position()
        return f"<t:SetPresetResponse><t:PresetToken>{token}</t:PresetToken></t:SetPresetResponse>"

    def _remove_preset(self, operation: Node) -> str:
        if self.device.ptz.presets.pop(operation.text("PresetToken") or "", None) is None:
            raise OperationRefused("ter:NoToken")
        return "<t:RemovePresetResponse/>"

    def _goto_preset(self, operation: Node) -> str:
        preset = self.device.ptz.presets.get(operation.text("PresetToken") or "")
        if preset is None:
            raise OperationRefused("ter:NoToken")
        self._to(preset[1:])
        return "<t:GotoPresetResponse/>"

    def _goto_home(self, _: Node) -> str:
        self._to(self.device.ptz.home)
        return "<t:GotoHomePositionResponse/>"

    def _set_home(self, _: Node) -> str:
        self.device.ptz.home = self.position()
        return "<t:SetHomePositionResponse/>"


def _number(node: Node | None, name: str) -> float:
    try:
        return float((node.attribute(name) if node else None) or 0)
    except ValueError:
        return 0.0
