"""How far cameras may be moved: standard deviations, each with its unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

PER_VIEW = 7
"""Numbers of a camera: rotation, translation, time offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPriors:
    """How far the cameras may be from where the calibration has them; 0 holds them there.

    Attributes
    ----------
    rotation_sigma : float, rad
        Standard deviation of each camera's rotation about each axis.
    position_sigma : float, m
        Of its centre along each axis.
    offset_sigma : float, s
        Of the time by which it looks later than its times say, compared with the first camera.
    scale_sigma : float
        Of the size of the whole rig, relative. Pixels do not tell it, and a prior on motion has it shrink:
        free it only where bone lengths are given.

    Raises
    ------
    ValueError
        If one is negative or not finite, or all are 0.
    """

    rotation_sigma: float = 0.01
    position_sigma: float = 0.01
    offset_sigma: float = 0.0
    scale_sigma: float = 0.0

    def __post_init__(self) -> None:
        """Check."""
        values = self.rotation_sigma, self.position_sigma, self.offset_sigma, self.scale_sigma
        if not all(np.isfinite(value) and value >= 0 for value in values) or not any(values[:3]):
            raise ValueError(
                "expected standard deviations of 0 or more, and one of rotation, position "
                f"and offset above it, got {', '.join(f'{value:g}' for value in values)}"
            )

    def per_view(self, views: int) -> Float:
        """Return the standard deviations, (views, 7); the first view has no time offset."""
        row = [self.rotation_sigma] * 3 + [self.position_sigma] * 3 + [self.offset_sigma]
        sigma = np.tile(np.array(row, dtype=np.float64), (views, 1))
        sigma[0, 6] = 0.0
        return sigma
