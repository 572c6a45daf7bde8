"""BlazePose's landmarks: what its network answers for an upright square around a person, read.

Bazarevsky et al., "BlazePose", arXiv 2006.10204: coordinates are regressed, beside heatmaps that supervise
them. The heatmaps refine the coordinates and say how sure each is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models2d.decoding.heatmaps import peak_covariance
from models2d.networks.device_network import Array, DeviceNetwork

Image = NDArray[np.uint8]
Float = NDArray[np.float64]

SIDE = 256
"""Of the input, px."""

KEYPOINTS = 33
"""The first of 39 landmarks are keypoints of the body; the next two place the region of the next frame."""

STRIDE = 4
"""Input pixels per cell of a heatmap."""

REACH = 3
"""Cells around a landmark in which its heatmap is looked at."""

REFINES = 0.5
"""Height of a heatmap from which it refines its landmark."""

SIGMA = 2.0
"""Of the hills in the heatmaps, cells."""

TEMPERATURE = 0.12
"""What the covariances are multiplied with. It makes the median of the residuals of a person in four views,
smoothed in 3D, that of their ellipses; measured as docs/human.md says."""


class Landmarks(NamedTuple):
    """Landmarks of people, in pixels of the input.

    Attributes
    ----------
    xy : (n, 39, 2) float, px
    confidence : (n, 39) float
        Probability that a landmark is in the image and not hidden.
    covariance : (n, 39, 2, 2) float, px2
    score : (n,) float
        Probability that there is a person.
    """

    xy: Float
    confidence: Float
    covariance: Float
    score: Float


def find_landmarks(network: DeviceNetwork, patches: Image) -> Landmarks:
    """Run the network and read its answers.

    Parameters
    ----------
    network : DeviceNetwork
        (batch, 3, 256, 256) in [0, 1] to numbers (batch, 1, 195), scores (batch, 1, 1) and heatmaps
        (batch, 39, 64, 64).
    patches : (n, 256, 256, 3) uint8

    Returns
    -------
    landmarks : Landmarks
    """
    numbers, score, heatmaps = network.answer(patches)
    table = numbers.reshape(len(patches), -1, 5).astype(np.float64)
    xy, covariance = refined(table[..., :2], expit(heatmaps))
    return Landmarks(
        xy=xy,
        confidence=expit(table[..., 3]) * expit(table[..., 4]),
        covariance=covariance,
        score=score.reshape(-1).astype(np.float64),
    )


def refined(xy: Float, heatmaps: Array) -> tuple[Float, Float]:
    """Move landmarks to the centres of the hills they lie on, and read how sure they are.

    Parameters
    ----------
    xy : (n, landmarks, 2) float, px
        As the network counts: from the edge of the input's first pixel.
    heatmaps : (n, landmarks, height, width) float
        Between 0 and 1.

    Returns
    -------
    xy : (n, landmarks, 2) float, px
        From the centre of the first pixel.
    covariance : (n, landmarks, 2, 2) float, px2
    """
    height, width = heatmaps.shape[2:]
    cell = np.clip(np.floor(xy / STRIDE), 0, [width - 1, height - 1]).astype(int)
    padded = np.pad(heatmaps, ((0, 0), (0, 0), (REACH, REACH), (REACH, REACH)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * REACH + 1,) * 2, axis=(2, 3))
    batch, landmark = np.ogrid[: len(xy), : xy.shape[1]]
    around = windows[batch, landmark, cell[..., 1], cell[..., 0]].astype(np.float64)
    steps = np.arange(-REACH, REACH + 1)
    total = np.maximum(around.sum(axis=(-2, -1)), 1e-12)
    hill = np.stack([around.sum(axis=-2) @ steps, around.sum(axis=-1) @ steps], axis=-1) / total[..., None]
    high = around.max(axis=(-2, -1)) >= REFINES
    within = np.all((xy >= 0) & (xy < np.array([width, height]) * STRIDE), axis=-1)
    better = np.where((high & within)[..., None], STRIDE * (cell + hill), xy)
    flat = around.reshape(-1, *around.shape[-2:])
    covariance = peak_covariance(flat, (better / STRIDE - cell).reshape(-1, 2), SIGMA).reshape(*xy.shape, 2)
    return better - 0.5, np.asarray(TEMPERATURE * STRIDE**2 * covariance)
