"""What became of the cameras: `RefinedCameras`."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import frozen
from calibration.geometry.camera_arrays import camera_arrays
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.camera_fit.solving import Cameras
from triangulate.common_clock import retimed

Float = NDArray[np.float64]

DRAWS = 100
"""Rigs drawn from what is not known about the refined cameras, for the covariance of points."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RefinedCameras:
    """What became of the cameras.

    Attributes
    ----------
    rig : Rig
        The cameras of the tracks' views, in their order.
    late : (views,) float, s
        By how much later each view looked than its times say; 0 for the first.
    late_sigma : (views,) float, s
    covariance : (views, 6, views, 6) float
        Of the rotations (rad) and translations (m) that multiply each `cam_from_world` from the left; moving
        the rig as a whole does not count.
    turned : (views,) float, rad
        By how much each camera was turned.
    moved : (views,) float, m
        By how much its centre was moved.
    noise_before, noise_after : float, px
        What the smoother takes for the noise of a detection.
    rounds : int
    converged : bool
    """

    rig: Rig
    late: Float
    late_sigma: Float
    covariance: Float
    turned: Float
    moved: Float
    noise_before: float
    noise_after: float
    rounds: int
    converged: bool

    def __post_init__(self) -> None:
        """Check and freeze."""
        views = len(self.rig)
        for name in ("late", "late_sigma", "turned", "moved"):
            object.__setattr__(self, name, frozen(getattr(self, name), (views,), name))
        object.__setattr__(self, "covariance", frozen(self.covariance, (views, 6, views, 6), "covariance"))

    def draw(self, count: int = DRAWS, *, seed: int = 0) -> tuple[Rig, ...]:
        """Draw rigs from what is not known about the cameras' places.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        rigs : tuple of Rig
        """
        views = len(self.rig)
        values, axes = np.linalg.eigh(self.covariance.reshape(6 * views, 6 * views))
        root = axes * np.sqrt(np.maximum(values, 0.0))
        steps = np.random.default_rng(seed).standard_normal((count, 6 * views)) @ root.T
        return tuple(stepped(self.rig, step) for step in steps.reshape(count, views, 6))

    def timed(self, tracks: Tracks2D) -> Tracks2D:
        """Return tracks with the times at which the views looked.

        Parameters
        ----------
        tracks : Tracks2D

        Returns
        -------
        tracks : Tracks2D
        """
        return retimed(tracks, self.late) if self.late.any() else tracks

    def __str__(self) -> str:
        """Return one line for each camera."""
        sigma = np.sqrt(np.einsum("vivi->vi", self.covariance)[:, 3:].sum(axis=1))
        lines = [
            f"cameras refined in {self.rounds} rounds{'' if self.converged else ', not converged'}: noise "
            f"{self.noise_before:.2f} -> {self.noise_after:.2f} px"
        ]
        for view, name in enumerate(self.rig.names):
            lines.append(
                f"{name}: moved {1e3 * self.moved[view]:.1f} mm (sd {1e3 * sigma[view]:.1f}), turned "
                f"{np.rad2deg(self.turned[view]):.3f} deg, {1e3 * self.late[view]:+.2f} ms late "
                f"(sd {1e3 * self.late_sigma[view]:.2f})"
            )
        return "\n".join(lines)


def with_cameras(rig: Rig, cameras: Cameras) -> Rig:
    """Return the rig with its cameras where they were found."""
    places = zip(rig.cameras, cameras.views.R, cameras.views.t, strict=True)
    return Rig(
        cameras=tuple(
            replace(camera, cam_from_world=RigidTransform.from_components(t, Rotation.from_matrix(R)))
            for camera, R, t in places
        )
    )


def stepped(rig: Rig, step: Float) -> Rig:
    """Return the rig after a step, (views, 6), of its cameras."""
    start = Cameras(camera_arrays(rig.cameras), np.zeros(len(rig)))
    return with_cameras(rig, start.moved(np.concatenate([step, np.zeros((len(rig), 1))], axis=1)))
