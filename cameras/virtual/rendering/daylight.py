"""Sun and lamps: how light it is at a moment, from where, and in which colour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from cameras.virtual.rendering.lens import Floats
from cameras.virtual.rendering.view import View

NIGHT_BELOW = -5.0  # degrees: with the sun below this, cameras switch to night
LIGHT_STEP_DEGREES = 6.0  # of the sun's height: a smaller change is not drawn anew
TOWN = 29.47, 121.44  # latitude and longitude for which the light of all cameras is counted in steps


def sun(moment: datetime, latitude: float, longitude: float) -> tuple[float, float]:
    """Return elevation and azimuth of the sun, degrees. Accurate to about 1° (NOAA's short formulae)."""
    utc = moment.astimezone(timezone.utc)
    day = utc.timetuple().tm_yday + (utc.hour + utc.minute / 60) / 24
    turn = 2 * math.pi * (day - 1) / 365
    declination = 0.006918 - 0.399912 * math.cos(turn) + 0.070257 * math.sin(turn) - 0.006758 * math.cos(2 * turn)
    equation = 229.18 * (0.000075 + 0.001868 * math.cos(turn) - 0.032077 * math.sin(turn)
                         - 0.014615 * math.cos(2 * turn) - 0.040849 * math.sin(2 * turn))  # fmt: skip
    minutes = utc.hour * 60 + utc.minute + utc.second / 60 + equation + 4 * longitude
    hour = math.radians(minutes / 4 - 180)
    north = math.radians(latitude)
    sine = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(hour)
    elevation = math.asin(max(-1.0, min(1.0, sine)))
    east = -math.sin(hour) * math.cos(declination)
    up_north = math.cos(north) * math.sin(declination) - math.sin(north) * math.cos(declination) * math.cos(hour)
    return math.degrees(elevation), math.degrees(math.atan2(east, up_north)) % 360


def light_step(moment: datetime) -> tuple[int, bool]:
    """Return the step of light at a moment, and whether it is before noon; all of the night is one step."""
    elevation, azimuth = sun(moment, *TOWN)
    if elevation < NIGHT_BELOW:
        return -90, False
    return round(elevation / LIGHT_STEP_DEGREES), azimuth < 180


@dataclass(frozen=True, slots=True)
class SceneLight:
    """Light before a camera. `to_sun`: unit vector (x, y, z) in the view's coordinates. Colours: BGR factors."""

    elevation: float  # of the sun, degrees
    to_sun: tuple[float, float, float]
    direct: tuple[float, float, float]
    ambient: tuple[float, float, float]
    is_night: bool
    is_infrared: bool
    lamps: tuple[tuple[float, float, float], ...]  # places of burning lamps

    @classmethod
    def of(cls, view: View, moment: datetime) -> SceneLight:
        elevation, azimuth = sun(moment, view.latitude, view.longitude)
        turn, up = math.radians(azimuth - view.azimuth), math.radians(max(elevation, 2.0))
        to_sun = (math.sin(turn) * math.cos(up), math.cos(turn) * math.cos(up), math.sin(up))
        night = elevation < NIGHT_BELOW
        strength = max(0.0, min(1.0, (elevation - 1) / 16))
        warmth = max(0.0, min(1.0, (22 - elevation) / 22))  # a low sun is yellow
        direct = (strength * (0.80 - 0.22 * warmth), strength * (0.86 - 0.08 * warmth), strength * 0.92)
        day = max(0.08, min(1.0, (elevation + 6) / 20))
        ambient = (0.50 * day, 0.45 * day, 0.41 * day)
        if night:
            direct, ambient = (0.0, 0.0, 0.0), (0.05, 0.042, 0.036)
        lamps = [(p.place[0], p.place[1], p.height - 1.2) for p in view.poles if p.has_lamp] if night else []
        return cls(elevation, to_sun, direct, ambient, night, night and not view.is_lit, tuple(lamps))

    def lamp_light(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Return the light (…, 3) of lamps, or of the camera's infra-red lamp, at places."""
        total = np.zeros(np.shape(x), np.float32)
        if self.is_infrared:
            distance = np.sqrt(x * x + y * y + 9.0)
            total += 190.0 / (distance * distance + 60.0)
            return np.asarray(np.stack([total] * 3, axis=-1), np.float32)
        for lx, ly, lz in self.lamps:
            squared = (x - lx) ** 2 + (y - ly) ** 2 + (z - lz) ** 2 + 2.0
            total += 30.0 * (0.35 + 0.65 * np.abs(lz - z) / np.sqrt(squared)) / squared
        # A camera that stays in colour has a weak white lamp of its own.
        total += 26.0 / (x * x + y * y + 60.0)
        return np.asarray(total[..., None] * np.array([0.82, 0.95, 1.0], np.float32), np.float32)

    def on_ground(self, shadow: Floats, x: Floats, y: Floats) -> Floats:
        """Return the light (…, 3) on level ground; `shadow`: 0 in the sun, 1 in the shadow."""
        direct, ambient = np.array(self.direct, np.float32), np.array(self.ambient, np.float32)
        light: Floats = ambient + direct * (max(self.to_sun[2], 0.25) * (1 - shadow))[..., None]
        if self.is_night:
            light = np.asarray(light + self.lamp_light(x, y, np.zeros_like(x)), np.float32)
        return np.asarray(light, np.float32)

    def on_wall(self, normal: tuple[float, float, float]) -> Floats:
        """Return the light (3,) of sun and sky on a surface with a unit normal."""
        cosine = max(0.0, sum(a * b for a, b in zip(normal, self.to_sun, strict=True)))
        sky = 0.72 + 0.28 * normal[2]
        direct, ambient = np.array(self.direct, np.float32), np.array(self.ambient, np.float32)
        return np.asarray(ambient * sky + direct * cosine, np.float32)
