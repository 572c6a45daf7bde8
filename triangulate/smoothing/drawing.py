"""Random numbers from which trajectories are drawn, the same wherever windows overlap."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.knots import KNOT_BLOCK

Float = NDArray[np.float64]

FIRST_BLOCK = 1 << 20
"""Added to the numbers of blocks: those before the first frame are then not negative."""


class Drawing(NamedTuple):
    """How many draws are wanted, and the seed."""

    draws: int
    seed: int

    def normal(self, subject: int, part: NDArray[np.int64], times: Float) -> Float:
        """Return standard normal numbers for the control points of a window.

        They depend on where a knot lies in the recording, not on the window: draws from windows that overlap
        agree as far as the windows' solutions do.

        Parameters
        ----------
        subject : int
        part : (keypoints,) int
            Keypoints of the window; the first names them.
        times : (knots,) float
            In frames of the recording.

        Returns
        -------
        normal : (control points, n, draws) float
            n = 3 keypoints.
        """
        beyond = times[-1] + (times[-1] - times[-2]) * np.arange(1, 3)
        frame = np.floor(np.concatenate([times, beyond])).astype(np.int64)
        out = np.empty((len(frame), 3 * len(part), self.draws))
        for block in np.unique(frame // KNOT_BLOCK):
            here = np.flatnonzero(frame // KNOT_BLOCK == block)
            rng = np.random.default_rng([self.seed, subject, int(part[0]), FIRST_BLOCK + int(block)])
            numbers = rng.standard_normal((KNOT_BLOCK, 3 * len(part), self.draws))
            out[here] = numbers[frame[here] % KNOT_BLOCK]
        return out

    def persistent(self, subject: int, part: NDArray[np.int64], covariance: Float) -> Float:
        """Draw errors that do not change over the recording.

        Parameters
        ----------
        subject : int
        part : (keypoints,) int
        covariance : (..., keypoints, 3, 3) float, m2

        Returns
        -------
        deviation : (..., keypoints, 3, draws) float, m
        """
        rng = np.random.default_rng([self.seed, subject, int(part[0])])
        numbers = rng.standard_normal((len(part), 3, self.draws))
        values, vectors = np.linalg.eigh(covariance)
        root = (vectors * np.sqrt(values.clip(0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
        return np.asarray(root @ numbers)
