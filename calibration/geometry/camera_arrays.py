"""Cameras as plain arrays, the way the compiled kernels take them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.lens import lens_kind, lens_terms
from calibration.geometry.undistortion import normaliser

Float = NDArray[np.float64]


class Lens(Protocol):
    """What is asked of a lens, as `calibration.Intrinsics` offers it."""

    @property
    def K(self) -> Float:
        """Camera matrix, (3, 3) px."""

    @property
    def distortion(self) -> Float:
        """Coefficients in OpenCV's order, (n,)."""

    @property
    def model(self) -> str:
        """Lens model, "pinhole" or "fisheye"."""


class PlacedCamera(Protocol):
    """What is asked of a camera, as `calibration.Camera` offers it."""

    @property
    def R(self) -> Float:
        """Rotation from world to camera, (3, 3)."""

    @property
    def t(self) -> Float:
        """Translation from world to camera, (3,) m."""

    @property
    def intrinsics(self) -> Lens:
        """Lens of the camera."""


class CameraArrays(NamedTuple):
    """Cameras as arrays, in a world whose origin is `pivot`.

    Attributes
    ----------
    P : (views, 12) float, m
        [R t] row by row, onto normalised coordinates.
    kind : (views,) int
        Of the lens, see `calibration.geometry.lens`.
    lens : (views, 13) float
        Distortion coefficients and fold, see `calibration.geometry.lens.lens_terms`.
    normalise : (views, 6) float
        Affine map from pixels to distorted normalised coordinates.
    K : (views, 4) float, px
        K[:2, :2] row by row.
    pivot : (3,) float, m, world
    """

    P: Float
    kind: NDArray[np.int64]
    lens: Float
    normalise: Float
    K: Float
    pivot: Float

    def repeated(self, times: int) -> "CameraArrays":
        """Return every camera several times in a row.

        Parameters
        ----------
        times : int

        Returns
        -------
        arrays : CameraArrays
        """
        index = np.repeat(np.arange(len(self.P)), times)
        return CameraArrays(
            self.P[index],
            self.kind[index],
            self.lens[index],
            self.normalise[index],
            self.K[index],
            self.pivot,
        )


def camera_arrays(cameras: Sequence[PlacedCamera]) -> CameraArrays:
    """Pack cameras; the origin moves to where they look, which keeps sums of squares well conditioned.

    Parameters
    ----------
    cameras : sequence of Camera

    Returns
    -------
    arrays : CameraArrays
    """
    R = np.array([camera.R for camera in cameras])
    t = np.array([camera.t for camera in cameras])
    pivot = looked_at(R, t)
    intrinsics = [camera.intrinsics for camera in cameras]
    return CameraArrays(
        P=np.concatenate([R, (R @ pivot + t)[:, :, None]], axis=2).reshape(-1, 12),
        kind=np.array([lens_kind(lens.model, lens.distortion) for lens in intrinsics], dtype=np.int64),
        lens=np.array([lens_terms(lens.model, lens.distortion) for lens in intrinsics]),
        normalise=np.array([normaliser(lens.K) for lens in intrinsics]),
        K=np.array([lens.K[:2, :2].ravel() for lens in intrinsics]),
        pivot=pivot,
    )


def looked_at(R: Float, t: Float) -> Float:
    """Find the point nearest to the optical axes of all cameras.

    Parameters
    ----------
    R : (views, 3, 3) float
    t : (views, 3) float, m

    Returns
    -------
    pivot : (3,) float, m, world
        The mean camera centre where the axes are parallel.
    """
    centers = -np.einsum("vji,vj->vi", R, t)
    mean = centers.mean(axis=0)
    across = np.eye(3) - R[:, 2, :, None] * R[:, 2, None, :]
    system = across.sum(axis=0)
    if np.linalg.eigvalsh(system)[0] < 1e-6 * len(R):
        return mean
    return mean + np.linalg.solve(system, np.einsum("vij,vj->i", across, centers - mean))
