"""A finished adjustment, with what it was made from and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.bundle.adjustment import BoardSolution
from calibration.bundle.covariance import Uncertainty
from calibration.bundle.problem import Corners
from calibration.bundle.selection import Selection

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Fit(ReadOnlyArrays):
    """A finished adjustment.

    Attributes
    ----------
    frames : (frames,) int
        Frames used, as indices into the observations.
    corners : Corners
    selection : Selection
        What was left free, and why.
    solution : BoardSolution
    residual : (observations, 2) float, px
    rejected : (observations,) bool
    uncertainty : Uncertainty
    """

    frames: Int
    corners: Corners
    selection: Selection
    solution: BoardSolution
    residual: Float
    rejected: NDArray[np.bool_]
    uncertainty: Uncertainty
