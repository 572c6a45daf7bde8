# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""How noisy the detections of each view and keypoint are, how heavy their tails, and how long errors persist.

All of it is read from the residuals of points triangulated frame by frame, so that nothing is assumed about
motion. Importing this loads numba.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import nnls

from calibration.geometry.camera_arrays import CameraArrays
from calibration.geometry.point_projection import project
from calibration.rig import Rig
from triangulate.points.noise_level import LEAST, stated_sigma
from triangulate.smoothing.inputs import Pixels, RawPoints, raw_points

Float = NDArray[np.float64]

ROUNDS = 3
PSEUDO = 60
"""Detections' worth of belief that a keypoint is as noisy as all are, and in a view as in all views."""

APART = 2.0
"""Most by which one view's noise may differ from a keypoint's: with few views to compare, one can always be
made to fit perfectly and the others blamed."""

TAILS = (4.0, 6.0, 10.0, 30.0)
"""Degrees of freedom to choose from."""

FAR = (13.8, 60.0)
"""Squared standardised residuals between which a normal detection lies once in a thousand, a mistake
seldom."""

LAGS = np.array([1, 2, 3, 5, 8, 12, 18, 27, 40])
"""After which residuals are compared with themselves, in frames and in `time_unit`."""

LASTING = 12
"""After which what is left of an error counts as persistent, in `time_unit`."""

TIMES = np.array([0.4, 0.7, 1.2, 2.0, 3.5, 6.0, 10.0, 17.0, 30.0, 1e6])
"""Time constants of correlations, in `time_unit`; the last stays."""

BELIEVED = 0.04
"""Correlation from one frame to the next below which errors count as independent: the standard deviations
of what is smoothed are then at most 4% too small."""

PERSISTENT = 0.1
"""Share of the variance from which an error counts as persistent."""


class Noise(NamedTuple):
    """What is known about detection errors.

    Attributes
    ----------
    sigma : (views, keypoints) float
        Factor on the standard deviations that the information implies.
    nu : float
        Degrees of freedom.
    persistence : (keypoints,) float
        Share of the error's variance that does not change within 0.2 s: where a view always sees another
        place than the others, or the calibration is off. No smoothing takes it away.
    """

    sigma: Float
    nu: float
    correlation: Float

    @property
    def persistence(self) -> Float:
        """See above."""
        stays = self.correlation[:, (self.correlation.shape[1] - 1) * LASTING // LAGS[-1]]
        return np.where(stays > PERSISTENT, stays, 0.0)


def time_unit(fps: float) -> int:
    """Return the frames of 1/60 s, at least one: errors last for a time, not for a number of frames.

    Parameters
    ----------
    fps : float, Hz

    Returns
    -------
    unit : int
    """
    return max(1, round(fps / 60.0))


def find_noise(cuts: list[Pixels], rig: Rig, views: CameraArrays, unit: int = 1) -> Noise:
    """Compare the residuals of robustly triangulated points with the information of the detections.

    A residual is smaller than the error, since the point was fitted to it: its expected square is the error's
    variance times one minus the leverage. Medians, so that mistakes hardly matter.

    Parameters
    ----------
    cuts : list of Pixels
        Pieces of the recording, each of consecutive frames.
    rig : Rig
    views : CameraArrays
        The same cameras.
    unit : int
        See `time_unit`.

    Returns
    -------
    noise : Noise
    """
    keypoints, count = cuts[0].xy.shape[1:3]
    sigma, nu = np.ones((count, keypoints)), TAILS[-1]
    every = Pixels(*(np.concatenate(part) for part in zip(*cuts, strict=True)))
    least = LEAST / stated_sigma(every.xy, every.information)
    for _ in range(ROUNDS):
        scaled = [Pixels(cut.xy, cut.information / sigma.T[:, :, None] ** 2) for cut in cuts]
        raws = [raw_points(cut, rig) for cut in scaled]
        parts = [standardised(cut, raw, views) for cut, raw in zip(scaled, raws, strict=True)]
        squares = np.concatenate([(part**2).sum(axis=-1) for part in parts])
        if not np.isfinite(squares).any():
            return Noise(sigma, nu, np.eye(1, unit * LAGS[-1] + 1).repeat(keypoints, axis=0))
        nu = heaviness(squares)
        near = np.where(squares < FAR[1], squares, np.nan)  # mistakes would shift the median
        sigma = np.maximum(sigma * shrunk_scale(near, nu * (2 ** (2 / nu) - 1)), least)
    return Noise(sigma, nu, correlation_in_time(parts, unit))


def standardised(pixels: Pixels, raw: RawPoints, views: CameraArrays) -> Float:
    """Divide residuals by the standard deviation that they should have.

    Parameters
    ----------
    pixels : Pixels
    raw : RawPoints
    views : CameraArrays

    Returns
    -------
    residual : (frames, keypoints, views, 2) float
        NaN where a point has no view to spare.
    """
    frames, keypoints, count, _ = pixels.xy.shape
    out = np.full((frames * keypoints, count, 2), np.nan)
    standardise(
        pixels.xy.reshape(-1, count, 2),
        pixels.information.reshape(-1, count, 3),
        np.ascontiguousarray(raw.xyz.reshape(-1, 3)),
        np.ascontiguousarray(raw.covariance.reshape(-1, 3, 3)),
        np.ascontiguousarray(raw.inliers.reshape(-1, count)),
        views,
        out,
    )
    return out.reshape(pixels.xy.shape)


@njit(cache=True, nogil=True, error_model="numpy")
def standardise(xy, information, xyz, covariance, inliers, views, out):
    """Loop of `standardised`; mistakes are standardised by their noise alone."""
    J = np.empty((2, 3))
    for p in range(len(xy)):
        if np.isnan(xyz[p, 0]) or inliers[p].sum() < 2:
            continue
        for view in range(xy.shape[1]):
            a, b, c = information[p, view]
            if a == 0.0:
                continue
            (u, v, J[0, 0], J[0, 1], J[0, 2], J[1, 0], J[1, 1], J[1, 2], _) = project(
                xyz[p, 0], xyz[p, 1], xyz[p, 2],
                views.R[view], views.t[view], views.K[view], views.k[view], views.model[view],
            )  # fmt: skip
            leverage = 0.0
            if inliers[p, view]:
                for m in range(3):
                    for n in range(3):
                        pull = a * J[0, m] * J[0, n] + c * J[1, m] * J[1, n]
                        pull += b * (J[0, m] * J[1, n] + J[1, m] * J[0, n])
                        leverage += pull * covariance[p, m, n]
            scale = 1.0 / np.sqrt(max(1.0 - 0.5 * leverage, 0.05))
            x, y = xy[p, view, 0] - u, xy[p, view, 1] - v
            root = np.sqrt(a)  # the upper triangular root of the information
            out[p, view, 0] = (root * x + b / root * y) * scale
            out[p, view, 1] = np.sqrt(max(c - b * b / a, 0.0)) * y * scale


def heaviness(squares: Float) -> float:
    """Choose the degrees of freedom whose tail holds as many residuals as are seen there."""
    known = squares[np.isfinite(squares) & (squares < FAR[1])]
    share = (known > FAR[0]).mean() if known.size else 0.0

    def tail(nu: float) -> float:
        return float((1 + FAR[0] / nu) ** (-nu / 2) - (1 + FAR[1] / nu) ** (-nu / 2))

    return min(TAILS, key=lambda nu: abs(np.log(tail(nu)) - np.log(max(share, 1e-4))))


def shrunk_scale(squares: Float, middle: float) -> Float:
    """Return the root of the median square over the expected one for each view and keypoint.

    Keypoints are drawn to all of them, the views of a keypoint to their mean; where no point has three views,
    the views cannot be told apart.

    Parameters
    ----------
    squares : (frames, keypoints, views) float
    middle : float
        Expected median.

    Returns
    -------
    scale : (views, keypoints) float
    """
    _, keypoints, views = squares.shape

    def drawn(values: Float, towards: float) -> float:
        known = values[np.isfinite(values)]
        if not known.size:
            return towards
        share = known.size / (known.size + PSEUDO)
        return float(share * np.log(max(np.median(known) / middle, 1e-9)) + (1 - share) * towards)

    overall = drawn(squares, 0.0)
    scale = np.empty((views, keypoints))
    apart = np.isfinite(squares).sum(axis=-1).max(initial=0) > 2
    for keypoint in range(keypoints):
        own = drawn(squares[:, keypoint], overall)
        for view in range(views):
            one = drawn(squares[:, keypoint, view], own) if apart else own
            scale[view, keypoint] = own + np.clip(one - own, -2 * np.log(APART), 2 * np.log(APART))
    return np.exp(0.5 * scale)


def correlation_in_time(parts: list[Float], unit: int = 1) -> Float:
    """Measure how residuals resemble those some frames later.

    A sum of exponentials of several time constants and of a part that stays, none negative, is fitted to the
    correlations at some lags: what is left is chance, which would add up over many lags. A keypoint with few
    pairs is drawn to all keypoints.

    Parameters
    ----------
    parts : list of (frames, keypoints, views, 2) float
        Standardised residuals of pieces.
    unit : int
        See `time_unit`.

    Returns
    -------
    correlation : (keypoints, lags) float
        At 0, 1, 2, ... frames, between 0 and 1; 0 beyond the first where errors are independent.
    """
    near = [np.where((part**2).sum(axis=-1, keepdims=True) < FAR[1], part, np.nan) for part in parts]
    lags = np.unique(np.concatenate([LAGS, unit * LAGS]))
    product, square, pairs = (
        np.stack(rows) for rows in zip(*(alike(near, lag) for lag in lags), strict=True)
    )
    pooled = PSEUDO * product.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    weight = PSEUDO * square.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    known = (product + pooled[:, None]) / np.maximum(square + weight[:, None], 1e-300)
    every = np.arange(unit * LAGS[-1] + 1)
    shapes = np.exp(-np.arange(1, len(every)) / (unit * TIMES[:, None]))
    out = np.zeros((known.shape[1], len(every)))
    out[:, 0] = 1.0
    for keypoint in range(known.shape[1]):
        # Chance alone makes a correlation of about 1 / sqrt(pairs); only what exceeds it clearly is believed.
        chance = 3.0 / np.sqrt(np.maximum(pairs[0, keypoint] + PSEUDO, 1))
        if known[0, keypoint] > max(BELIEVED, chance) and pairs[0, keypoint] > 50:
            root = np.sqrt(np.minimum(pairs[:, keypoint], pairs[0, keypoint]))
            parts_of, _ = nnls(root[:, None] * shapes[:, lags - 1].T, root * known[:, keypoint].clip(0, 1))
            out[keypoint, 1:] = np.minimum(parts_of @ shapes, 1.0)
    return out


def alike(parts: list[Float], lag: int) -> tuple[Float, Float, Float]:
    """Sum up products of each keypoint's residuals with those some frames later, their squares, and pairs."""
    keypoints = parts[0].shape[1]
    product, square, pairs = np.zeros(keypoints), np.zeros(keypoints), np.zeros(keypoints)
    for part in parts:
        early, late = part[:-lag], part[lag:]
        both = np.isfinite(early * late)
        product += np.where(both, early * late, 0.0).sum(axis=(0, 2, 3))
        square += np.where(both, 0.5 * (early**2 + late**2), 0.0).sum(axis=(0, 2, 3))
        pairs += both.sum(axis=(0, 2, 3))
    return product, np.maximum(square, 1e-6 * pairs), pairs  # squares below are rounding
