"""Cameras as plain arrays, the way compiled kernels take them; importing this module loads numba."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.lens import FISHEYE, fill_coefficients, lens_fold, lens_kind
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
    """Cameras as arrays: the one form in which compiled kernels take them.

    Attributes
    ----------
    R : (views, 3, 3) float
        Of cam_from_world.
    t : (views, 3) float, m
        Of cam_from_world.
    K : (views, 3, 3) float, px
    k : (views, 12) float
        Distortion coefficients, filled with zeros.
    model : (views,) int
        PINHOLE, FISHEYE or IDEAL, see `calibration.geometry.lens`.
    fold : (views,) float
        Where the lens folds back, see `calibration.geometry.lens.lens_fold`.
    normalise : (views, 6) float
        Affine map from pixels to distorted normalised coordinates.
    """

    R: Float
    t: Float
    K: Float
    k: Float
    model: NDArray[np.int64]
    fold: Float
    normalise: Float

    @property
    def centers(self) -> Float:
        """Centres of projection, (views, 3) m, world."""
        return -np.einsum("vji,vj->vi", self.R, self.t)

    def around(self, origin: Float) -> "CameraArrays":
        """Return the same cameras in a world whose origin is another point, which is not turned.

        Parameters
        ----------
        origin : (3,) float, m, world

        Returns
        -------
        arrays : CameraArrays
        """
        return self._replace(t=self.R @ origin + self.t)

    def repeated(self, times: int) -> "CameraArrays":
        """Return every camera several times in a row.

        Parameters
        ----------
        times : int

        Returns
        -------
        arrays : CameraArrays
        """
        return CameraArrays._make(np.repeat(values, times, axis=0) for values in self)

    def with_lenses(self, K: Float, k: Float) -> "CameraArrays":
        """Return the same cameras with other numbers in their lenses.

        Parameters
        ----------
        K : (views, 3, 3) float, px
        k : (views, 12) float

        Returns
        -------
        arrays : CameraArrays
        """
        names = ["fisheye" if model == FISHEYE else "pinhole" for model in self.model]
        return _with_lenses(self.R, self.t, K, names, list(k))


def camera_arrays(cameras: Sequence[PlacedCamera]) -> CameraArrays:
    """Take the numbers out of cameras.

    Parameters
    ----------
    cameras : sequence of Camera

    Returns
    -------
    arrays : CameraArrays
    """
    lenses = [camera.intrinsics for camera in cameras]
    return _with_lenses(
        np.array([camera.R for camera in cameras]),
        np.array([camera.t for camera in cameras]),
        np.array([lens.K for lens in lenses]),
        [lens.model for lens in lenses],
        [lens.distortion for lens in lenses],
    )


def _with_lenses(R: Float, t: Float, K: Float, models: list[str], distortions: list[Float]) -> CameraArrays:
    lenses = list(zip(models, distortions, strict=True))
    return CameraArrays(
        R=R,
        t=t,
        K=K,
        k=np.array([fill_coefficients(distortion) for distortion in distortions]),
        model=np.array([lens_kind(*lens) for lens in lenses], dtype=np.int64),
        fold=np.array([lens_fold(*lens) for lens in lenses]),
        normalise=normaliser(K),
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
