"""How strong the priors are, chosen from the data.

The roughness of each keypoint's motion maximises the marginal likelihood of its raw positions given their
covariance: integrated over all trajectories, the evidence falls on both sides of the roughness that the
motion has (MacKay 1992, "Bayesian interpolation"; Rasmussen & Williams 2006, ch. 5). Importing this loads
numba.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from models2d.detections import Tracks2D
from triangulate.bone_lengths import measure_bones
from triangulate.smoothing_start import Start
from triangulate.splines import penalty

Float = NDArray[np.float64]

LOG_RANGE = (-12.0, 12.0)
"""Natural logarithms of the roughness searched, relative to the noise: from white noise to nearly a
parabola."""

NU = 30.0
"""Degrees of freedom of the noise."""


class Strength(NamedTuple):
    """Standard deviations of everything the smoother believes in.

    Attributes
    ----------
    order : int
        2 for a prior on acceleration, 3 on jerk.
    pixel_sigma : float, px
    motion_sigma : (subjects, keypoints) float, m/s2 or m/s3
        NaN for keypoints that are hardly ever seen.
    bone_lengths : (subjects, bones) float, m
    bone_sigma : (subjects, bones) float, m
        Not finite for bones that are not used.
    memory : int
        Frames after which a frame's influence has died out.
    nu : float
        Degrees of freedom of the noise.
    """

    order: int
    pixel_sigma: float
    motion_sigma: Float
    bone_lengths: Float
    bone_sigma: Float
    memory: int
    nu: float

    @property
    def information(self) -> float:
        """Fisher information of the t density relative to what its weights add up to."""
        return (self.nu + 2.0) / (self.nu + 4.0)


def choose_strength(
    tracks: Tracks2D,
    start: Start,
    order: int,
    *,
    pixel_sigma: float | None = None,
    motion_sigma: ArrayLike | None = None,
    bone_sigma: ArrayLike | None = None,
    bone_lengths: ArrayLike | None = None,
) -> Strength:
    """Choose what is not given.

    Parameters
    ----------
    tracks : Tracks2D
    start : Start
    order : int
    pixel_sigma : float, px, optional
    motion_sigma : float or (keypoints,) float, optional
    bone_sigma : float or (bones,) float, m, optional
    bone_lengths : (bones,) float, m, optional

    Returns
    -------
    strength : Strength

    Raises
    ------
    ValueError
        If a given standard deviation is not positive.
    """
    _, _, subjects, keypoints = tracks.shape
    bones = tracks.skeleton.bones
    pixels = spread(start.residuals) if pixel_sigma is None else positive(pixel_sigma, "pixel_sigma")
    covariance = start.shape * pixels**2
    motion = np.empty((subjects, keypoints))
    lengths, sigma = np.empty((subjects, len(bones))), np.empty((subjects, len(bones)))
    chosen = excerpt(np.isfinite(start.raw[..., 0]).sum(axis=(1, 2)))
    for subject in range(subjects):
        raw, cov = start.raw[:, subject], covariance[:, subject]
        if motion_sigma is None:
            variance = np.diagonal(cov, axis1=-2, axis2=-1)
            group = np.minimum(np.arange(keypoints), np.asarray(tracks.skeleton.mirror))
            roughness = choose_roughness(raw[chosen], variance[chosen], group, order)
            motion[subject] = roughness * tracks.fps**order
        else:
            motion[subject] = positive(motion_sigma, "jerk_sigma or acceleration_sigma")
        lengths[subject], sigma[subject] = measure_bones(raw, cov, bones)
        if bone_lengths is not None:
            given = np.asarray(bone_lengths, dtype=np.float64)
            lengths[subject] = np.where(np.isfinite(given), given, lengths[subject])
        if bone_sigma is not None:
            sigma[subject] = positive(bone_sigma, "bone_sigma")
        sigma[subject, ~np.isfinite(lengths[subject])] = np.nan
    size = np.trace(covariance, axis1=-2, axis2=-1)
    size = size[np.isfinite(size)]
    noise = np.sqrt(np.median(size) / 3) if size.size else np.nan
    memory = influence(motion / tracks.fps**order, float(noise), order)
    return Strength(order, pixels, motion, lengths, sigma, memory, NU)


def positive(value: ArrayLike, name: str) -> Any:
    """Return a standard deviation, or raise ValueError if it is not positive."""
    array = np.asarray(value, dtype=np.float64)
    if not (array > 0).all():
        raise ValueError(f"{name}: expected positive numbers, got {np.asarray(value).tolist()}")
    return array if array.ndim else float(array)


def spread(residuals: Float) -> float:
    """Estimate the noise from residuals with mistakes among them; 1 px where there are none."""
    return max(float(1.4826 * np.median(np.abs(residuals))), 1e-3) if residuals.size else 1.0


def influence(roughness: Float, noise: float, order: int) -> int:
    """Count the frames after which influence falls below a thousandth.

    The kernel of a smoothing spline of order m decays as exp(-w t sin(pi / 2m)), w = (roughness /
    noise)^(1/m).
    """
    known = roughness[np.isfinite(roughness)]
    if not known.size or not np.isfinite(noise):
        return 16
    corner = (known.min() / noise) ** (1.0 / order)
    return int(np.clip(np.ceil(7.0 / (corner * np.sin(np.pi / (2 * order)))), 8, 240))


def excerpt(seen: NDArray[np.int64], frames: int = 480) -> slice:
    """Choose consecutive frames, the fullest there are."""
    if len(seen) <= frames:
        return slice(None)
    full = np.convolve(seen, np.ones(frames), mode="valid")
    first = int(np.argmax(full))
    return slice(first, first + frames)


def choose_roughness(xyz: Float, variance: Float, groups: NDArray[np.int64], order: int) -> Float:
    """Choose the standard deviation of the motion's highest difference for each group of keypoints.

    Parameters
    ----------
    xyz : (frames, keypoints, 3) float, m
        Raw points, NaN where missing.
    variance : (frames, keypoints, 3) float, m2
        Of every coordinate.
    groups : (keypoints,) int
        Keypoints of one group share the answer.
    order : int
        2 or 3, see `splines.penalty`.

    Returns
    -------
    sigma : (keypoints,) float, m
        Of the second or third difference from frame to frame; NaN where nothing is known.
    """
    seen = np.isfinite(xyz) & np.isfinite(variance) & (variance > 0)
    y = np.where(seen, xyz, 0.0).reshape(len(xyz), 3 * xyz.shape[1])
    precision = np.where(seen, 1.0 / np.where(seen, variance, 1.0), 0.0).reshape(len(xyz), 3 * xyz.shape[1])
    sigma = np.full(xyz.shape[1], np.nan)
    series = np.repeat(groups, 3)
    for group in np.unique(groups):
        chosen = np.flatnonzero(series == group)
        counts = (precision[:, chosen] > 0).sum(axis=0)
        chosen = chosen[counts >= 8]
        if not chosen.size:
            continue
        scale = 1.0 / np.median(precision[:, chosen][precision[:, chosen] > 0])
        w, z = precision[:, chosen] * scale, y[:, chosen] / np.sqrt(scale)
        sigma[groups == group] = np.sqrt(scale * np.exp(-maximise(z, w, order)))
    return sigma


def maximise(y: Float, precision: Float, order: int) -> float:
    """Find the logarithm of the penalty's weight of most evidence, on a grid refined by golden section.

    Parameters
    ----------
    y : (frames, series) float
    precision : (frames, series) float
    order : int

    Returns
    -------
    log_weight : float
    """
    form = penalty(order)
    low, high = LOG_RANGE
    grid = np.linspace(low, high, 17)
    y = y - (y * precision).sum(axis=0) / precision.sum(axis=0) * (precision > 0)
    values = [surprise(y, precision, form, order, np.exp(g)) for g in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, 16)]
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(8):
        a, b = high - golden * (high - low), low + golden * (high - low)
        left, right = (surprise(y, precision, form, order, np.exp(g)) for g in (a, b))
        low, high = (low, b) if left < right else (a, high)
    return float(0.5 * (low + high))


@njit(cache=True, nogil=True, error_model="numpy")
def surprise(y, precision, form, order, weight):
    """Return minus twice the log evidence of series under a roughness penalty, up to a constant.

    Parameters
    ----------
    y : (frames, series) float
    precision : (frames, series) float
        Zero where missing.
    form : (4, 4) float
        See `splines.penalty`.
    order : int
    weight : float
        Of the penalty, relative to the precision.

    Returns
    -------
    surprise : float
    """
    rows = len(y) + 2
    penalties, band, right = np.zeros((rows, 4)), np.empty((rows, 4)), np.empty(rows)
    for i in range(rows - 3):
        for m in range(4):
            for n in range(m + 1):
                penalties[i + n, m - n] += weight * form[m, n]
    penalties[:, 0] += 1e-9 * weight
    total = -(rows - order) * np.log(weight) * y.shape[1]
    for s in range(y.shape[1]):
        band[:] = penalties
        right[:] = 0.0
        total += observe_series(y[:, s], precision[:, s], band, right) + eliminate(band, right)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def observe_series(y, precision, band, right):
    """Add one series, observed at the knots of its spline, to its system; return its weighted square."""
    basis = (1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0)
    total = 0.0
    for i in range(len(y)):
        p = precision[i]
        if p == 0.0:
            continue
        total += p * y[i] * y[i]
        for m in range(3):
            right[i + m] += basis[m] * p * y[i]
            for n in range(m + 1):
                band[i + n, m - n] += basis[m] * basis[n] * p
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(band, right):
    """Return log det A - b' A^-1 b of a banded system with three subdiagonals."""
    rows, total = len(band), 0.0
    for i in range(rows):
        inverse = 1.0 / band[i, 0]
        total += np.log(band[i, 0]) - right[i] * right[i] * inverse
        for d in range(1, min(4, rows - i)):
            ratio = band[i, d] * inverse
            right[i + d] -= ratio * right[i]
            for e in range(d, min(4, rows - i)):
                band[i + d, e - d] -= ratio * band[i, e]
    return total
