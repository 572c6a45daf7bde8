"""Rigs drawn from what a calibration does not know: the uncertainty of everything that rests on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from calibration.arrays import ReadOnlyArrays
from calibration.bundle.adjustment import move
from calibration.bundle.parameters import Free
from calibration.bundle.problem import Unknowns
from calibration.rig import Rig

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RigDistribution(ReadOnlyArrays):
    """The posterior of a calibration, a normal distribution of its free unknowns.

    Attributes
    ----------
    rig : Rig
        The estimate; its world is the first camera.
    sizes : (views, 2) int, px
        Of the cameras' whole images, of which the views may be parts.
    offsets : (views, 2) int, px
        Where the views begin in them.
    unknowns : Unknowns
    free : Free
    covariance : (free, free) float
    """

    rig: Rig
    sizes: NDArray[np.int64]
    offsets: NDArray[np.int64]
    unknowns: Unknowns
    free: Free
    covariance: Float

    def draw(self, count: int, *, seed: int = 0) -> tuple[Rig, ...]:
        """Draw rigs; the first camera stays where it is.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        rigs : tuple of Rig
        """
        rng = np.random.default_rng(seed)
        lenses = [camera.intrinsics for camera in self.rig.cameras]
        sizes = [lens.size for lens in lenses]
        coefficients = tuple(len(lens.distortion) for lens in lenses)
        still = np.zeros((len(self.unknowns.Rb), 6))
        values, axes = np.linalg.eigh(self.covariance)
        root = axes * np.sqrt(np.maximum(values, 0.0))
        rigs = []
        for _ in range(count):
            moved = move(self.unknowns, self.free, root @ rng.standard_normal(len(root)), still)
            whole = moved.to_rig(self.rig.names, self.sizes, coefficients)
            rigs.append(whole.cropped(self.offsets, sizes))
        return tuple(rigs)


def moved_like(rig: Rig, original: Rig, placed: Rig) -> Rig:
    """Carry a rig along as another one was moved and scaled.

    Parameters
    ----------
    rig : Rig
        In the world of `original`.
    original, placed : Rig
        The same rig before and after.

    Returns
    -------
    rig : Rig

    Raises
    ------
    ValueError
        If `placed` is not `original` moved and scaled.
    """
    before, after = original.centers, placed.select(original.names).centers
    spread = float(np.linalg.norm(before - before.mean(axis=0)))
    factor = float(np.linalg.norm(after - after.mean(axis=0)) / spread) if spread > 0 else 1.0
    first = placed.select(original.names).cameras[0].cam_from_world
    scaled = original.scaled(factor)
    new_from_old: RigidTransform = first.inv() * scaled.cameras[0].cam_from_world
    away = np.linalg.norm(scaled.moved(new_from_old).centers - after, axis=1).max()
    if away > 1e-6 * max(factor * spread, 1e-9):
        raise ValueError(
            f"placed: expected the calibrated rig moved or scaled as a whole, a camera is {away:.3g} m off; "
            "draws of the calibration say nothing about another rig"
        )
    return rig.scaled(factor).moved(new_from_old)
