"""A part of a camera's image that is a view of its own: a mirror in it, or the direct view beside one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.recordings.frame_sources import Image, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Where a view lies in the image of the camera that filmed it.

    Attributes
    ----------
    camera : str
        Crops of one camera have the same name here: they share its lens.
    x, y : int, px
        Top-left pixel of the view in the camera's image.
    size : (2,) int, px
        Width, height of the view.
    whole : (2,) int, px
        Width, height of the camera's image.

    Raises
    ------
    ValueError
        If the view is empty or reaches beyond the image.
    """

    camera: str
    x: int
    y: int
    size: tuple[int, int]
    whole: tuple[int, int]

    def __post_init__(self) -> None:
        """Check."""
        width, height = self.size
        fits = 0 <= self.x <= self.whole[0] - width and 0 <= self.y <= self.whole[1] - height
        if min(self.size) < 1 or not fits:
            raise ValueError(
                f"crop: {width} x {height} px from pixel ({self.x}, {self.y}) on is no part of an image of "
                f"{self.whole[0]} x {self.whole[1]} px; expected (x, y, width, height) inside of it"
            )

    def cut(self, image: Image) -> Image:
        """Cut the view out of the camera's image.

        Parameters
        ----------
        image : (rows, columns, 3) uint8

        Returns
        -------
        view : (height, width, 3) uint8
        """
        return np.ascontiguousarray(image[self.y : self.y + self.size[1], self.x : self.x + self.size[0]])

    def offset(self, *, mirrored: bool) -> tuple[int, int]:
        """Return what takes pixels of the view to pixels of the camera's image.

        Parameters
        ----------
        mirrored : bool
            Both are flipped left to right.

        Returns
        -------
        offset : (2,) int, px

        Examples
        --------
        >>> Crop(camera="top", x=10, y=20, size=(30, 40), whole=(100, 80)).offset(mirrored=True)
        (60, 20)
        """
        return (self.whole[0] - self.size[0] - self.x if mirrored else self.x, self.y)


def place_crops(
    names: Sequence[str], sources: Sequence[Source], crops: Mapping[str, Sequence[int]]
) -> tuple[Crop | None, ...]:
    """Say of every view which part of which camera's image it is.

    Parameters
    ----------
    names : sequence of str
        Of the views.
    sources : sequence of VideoFile or ImageFiles
    crops : mapping of view to (4,) int, px
        x, y, width, height.

    Returns
    -------
    crops : tuple of Crop or None
        None for a view that is all that its file shows. The camera is called as the first view of its file.

    Raises
    ------
    ValueError
        If a name is unknown or a crop does not lie inside its image.
    """
    unknown = [name for name in crops if name not in names]
    if unknown:
        raise ValueError(f"crops: no view is called {', '.join(unknown)}; there are {', '.join(names)}")
    cut = {source for name, source in zip(names, sources, strict=True) if name in crops}
    placed: list[Crop | None] = []
    for name, source in zip(names, sources, strict=True):
        if source not in cut:
            placed.append(None)
            continue
        box = crops.get(name, (0, 0, *source.size))
        if len(box) != 4:
            raise ValueError(f"crops: {name}: expected (x, y, width, height) in px, got {tuple(box)}")
        x, y, width, height = (int(length) for length in box)
        camera = names[list(sources).index(source)]
        try:
            placed.append(Crop(camera=camera, x=x, y=y, size=(width, height), whole=source.size))
        except ValueError as error:
            raise ValueError(f"view {name}: {error}") from error
    return tuple(placed)


def whole_sizes(sizes: NDArray[np.int64], crops: Sequence[Crop | None]) -> NDArray[np.int64]:
    """Return the sizes of the cameras' images.

    Parameters
    ----------
    sizes : (views, 2) int, px
        Of the views.
    crops : sequence of Crop or None

    Returns
    -------
    sizes : (views, 2) int, px
    """
    return np.array(
        [size if crop is None else crop.whole for size, crop in zip(sizes, crops, strict=True)],
        dtype=np.int64,
    )
