"""Which numbers of the lenses are given, and which are common to several views."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.geometry.lens import LENS_NAMES


def lens_names(model: str) -> tuple[str, ...]:
    """Return what the numbers of a lens are called.

    Parameters
    ----------
    model : str
        "fisheye" has its k3 and k4 where all others have p1 and p2.

    Returns
    -------
    names : (16,) tuple of str

    Examples
    --------
    >>> lens_names("fisheye")[6], lens_names("pinhole5")[6]
    ('k3', 'p1')
    """
    if model != "fisheye":
        return LENS_NAMES
    return (*LENS_NAMES[:6], "k3", "k4", *("",) * 8)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LensRules:
    """What holds for the numbers of the lenses; see `calibration.start.lens_parameters` for how it is said.

    Attributes
    ----------
    owner : (views, 16) int
        View to which each number belongs; views with the same owner share it.
    flipped : (views,) bool
        Views whose images are flipped left to right: what they share with others is the mirrored number.
    value : (views, 16) float
        Given numbers; NaN for those to be estimated.
    aspect : (views,) float
        Given fx / fy; NaN where it is free.
    """

    owner: NDArray[np.int64]
    flipped: NDArray[np.bool_]
    value: NDArray[np.float64]
    aspect: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check and freeze."""
        views = len(self.owner)
        shape = (views, len(LENS_NAMES))
        object.__setattr__(self, "owner", frozen(self.owner, shape, "owner", np.int64))
        object.__setattr__(self, "flipped", frozen(self.flipped, (views,), "flipped", np.bool_))
        object.__setattr__(self, "value", frozen(self.value, shape, "value"))
        object.__setattr__(self, "aspect", frozen(self.aspect, (views,), "aspect"))

    @classmethod
    def none(cls, views: int) -> Self:
        """Every lens is its own and all of it is free.

        Parameters
        ----------
        views : int

        Returns
        -------
        rules : LensRules
        """
        count = len(LENS_NAMES)
        return cls(
            owner=np.repeat(np.arange(views)[:, None], count, axis=1),
            flipped=np.zeros(views, dtype=bool),
            value=np.full((views, count), np.nan),
            aspect=np.full(views, np.nan),
        )
