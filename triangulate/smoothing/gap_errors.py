"""How far trajectories stray in gaps, learnt by hiding frames that are known.

A prior on jerk that suits what is seen says too little about gaps of many frames: real motion has more of the
slow parts than white jerk has, and a gap hides just these. So stretches of the recording are hidden, bridged,
and compared with what was there.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.gaps import gaps
from triangulate.smoothing.inputs import RawPoints, coordinates
from triangulate.smoothing.knots import usual_spacing
from triangulate.smoothing.motion_strength import centred, no_one
from triangulate.smoothing.series import robust_fit
from triangulate.smoothing.splines import Knots, basis, penalties, sample

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LENGTHS = (6, 12, 24, 48, 72)
"""Of the stretches that are hidden, in `time_unit`."""

APART = 2
"""Lengths of a stretch that are left between two."""

LEVEL, LIMIT = 0.9, 2.7055
"""Quantile of squared errors over their variance at which they are compared, and that of chi squared."""

FEWEST = 20
"""Gaps of single coordinates from which a factor is believed."""


class GapErrors(NamedTuple):
    """Factors on the variance in the middle of gaps of some lengths.

    Attributes
    ----------
    lengths : (n,) float
        Frames.
    factors : (n,) float
        At least one, and not falling.
    """

    lengths: Float
    factors: Float

    @classmethod
    def measured(cls, raws: list[RawPoints], sigma: Float, order: int, unit: int) -> "GapErrors":
        """Hide frames of pieces of a recording and bridge them.

        Assumes that gaps occur in motion like that of the rest; bones, which help in gaps, are not used.

        Parameters
        ----------
        raws : list of RawPoints
            Of pieces of the recording, along their principal axes.
        sigma : (keypoints,) float, m
            Roughness per frame ** order, see `choose_roughness`.
        order : int
        unit : int
            See `time_unit`.

        Returns
        -------
        errors : GapErrors
        """
        rows = [coordinates(raw) for raw in raws]
        known = np.repeat(np.isfinite(sigma), 3)
        weight = np.repeat(1.0 / np.where(np.isfinite(sigma), sigma, 1.0) ** 2, 3)
        lengths, factors = [0.0], [1.0]
        for length in (unit * one for one in LENGTHS):
            ratios = [
                ratios_inside(y[known], p[known], weight[known], order, slice(shift, shift + length))
                for y, p in rows
                for shift in (length // 2, length // 2 + length)
            ]
            ratio = np.concatenate(ratios) if ratios else np.empty(0)
            if len(ratio) < FEWEST * (length - 2 * (length // 3)):  # errors within a gap are alike
                break
            lengths.append(float(length))
            factors.append(max(factors[-1], float(np.quantile(ratio, LEVEL)) / LIMIT))
        return cls(np.array(lengths), np.array(factors))

    def growth(self, seen: NDArray[np.bool_]) -> Float:
        """Return the factor on the variance of every point.

        Beyond the longest stretch that was hidden, the factor goes on growing as it did before.

        Parameters
        ----------
        seen : (frames, ...) bool
            Whether a point is seen.

        Returns
        -------
        factor : (frames, ...) float
            One where the point is seen, most in the middle of a gap.
        """
        length, nearest = gaps(seen)
        length = np.where(np.isfinite(length), length, 2.0 * np.where(np.isfinite(nearest), nearest, 0.0))
        factor = np.interp(length, self.lengths, self.factors)
        if len(self.lengths) > 2:
            beyond = np.log(np.maximum(length, self.lengths[-1]) / self.lengths[-1])
            rise = np.log(self.factors[-1] / self.factors[-2]) / np.log(self.lengths[-1] / self.lengths[-2])
            factor = factor * np.exp(rise * beyond)
        inside = np.clip(2.0 * nearest / np.maximum(length, 1.0), 0.0, 1.0)
        return 1.0 + (factor - 1.0) * np.where(np.isfinite(inside), inside, 1.0)


def ratios_inside(y: Float, precision: Float, weight: Float, order: int, hide: slice) -> Float:
    """Return squared errors over their variance, in the middle third of stretches that are hidden.

    Parameters
    ----------
    y, precision : (series, frames) float
    weight : (series,) float
        Of the penalty.
    order : int
    hide : slice
        Frames of the first stretch that is hidden; others of its length follow.

    Returns
    -------
    ratio : (n,) float
    """
    frames, length = y.shape[1], hide.stop - hide.start
    start = np.arange(hide.start, frames - length - length // 3 + 1, (1 + APART) * length)
    if not len(start) or not len(y):
        return np.empty(0)
    hidden, judged = np.zeros(frames, dtype=np.bool_), np.zeros(frames, dtype=np.bool_)
    for first in start:
        hidden[first : first + length] = True
        judged[first + length // 3 : first + length - length // 3] = True
    left = np.where(hidden, 0.0, precision)
    values, middle = centred(y, left)
    noise = 1.0 / np.median(precision[precision > 0]) if (precision > 0).any() else 1.0
    corner = float(np.exp(-0.5 * np.log(weight * noise) / order).max())
    knots = Knots.uniform(frames - 1, usual_spacing(corner))
    first_point, basis_weights = basis(np.arange(frames), knots)
    form = penalties(knots, order)
    control, variance = np.empty((len(y), knots.number)), np.empty(y.shape)
    by_interval = np.repeat(weight[:, None], len(form), axis=1)
    robust_fit(values, left, no_one(y), first_point, basis_weights, form, by_interval, 3, control, variance)
    away = y - middle[:, None] - sample(control.T, first_point, basis_weights).T
    use = judged & (precision > 0) & ((left > 0).sum(axis=1) > length // 2)[:, None]
    return away[use] ** 2 / (variance[use] + 1.0 / precision[use])


def add_curvature(
    xyz: Float, covariance: Float, filled: NDArray[np.bool_], bones: Int, lengths: Float
) -> None:
    """Add what a rigid bone's curvature leaves unknown of points that nobody saw, in place.

    An end that may lie aside by t on the sphere around the other end lies t^2 / 2 length nearer, which the
    linear covariance takes for known. With the variance s of t along each of two directions, the mean square
    of t^2 / 2 length is 2 s^2 / length^2.

    Parameters
    ----------
    xyz : (frames, keypoints, 3) float, m
    covariance : (frames, keypoints, 3, 3) float, m2
    filled : (frames, keypoints) bool
    bones : (bones, 2) int
        Those that are used.
    lengths : (bones,) float, m
    """
    for (tail, head), length in zip(bones, lengths, strict=True):
        along = xyz[:, head] - xyz[:, tail]
        along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-12)
        for end in (tail, head):
            rows = filled[:, end] & np.isfinite(along).all(axis=-1)
            unit, known = along[rows], covariance[rows, end]
            radial = np.einsum("fi,fij,fj->f", unit, known, unit)
            aside = 0.5 * (np.trace(known, axis1=-2, axis2=-1) - radial)
            variance = np.minimum(2.0 * aside**2 / length**2, aside)
            covariance[rows, end] = known + variance[:, None, None] * unit[:, :, None] * unit[:, None, :]
