"""How a camera shows colours: its white balance, and whether it sends infra-red pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from nvr.playback.pictures import Picture
from search.analysis.colours import WhiteBalance
from search.analysis.infrared import InfraredState
from search.analysis.motion_gate import HEIGHT, WIDTH


@dataclass(slots=True)
class CameraLight:
    """Learned from a camera's pictures; an infra-red picture says nothing about the balance."""

    balance: WhiteBalance = field(default_factory=WhiteBalance)
    infrared: InfraredState = field(default_factory=InfraredState)

    def learn(self, picture: Picture) -> None:
        """Learn from the next BGR picture of the camera."""
        small = np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
        if not self.infrared.update(small):
            self.balance.learn(small)
