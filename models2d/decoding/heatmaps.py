"""Heatmaps, both ways: keypoints to targets for training, and peaks back to keypoints with a covariance.

A heatmap is a grid of cells over the network's input image. Where a cell lies differs between the systems of
the literature; `Grid` states it once, so that what is trained with one convention is decoded with the same.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays

Floating = NDArray[np.floating[Any]]
methods = ("argmax", "quarter", "dark", "udp", "soft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where heatmap cells lie in the input image: x_input = scale * x_cell + shift.

    Attributes
    ----------
    scale : (float, float)
        Input pixels per cell, in x and y.
    shift : (float, float), px
        Input coordinate of the centre of cell (0, 0).
    """

    scale: tuple[float, float]
    shift: tuple[float, float]

    @classmethod
    def centred(cls, stride: float) -> Self:
        """Cells tile the input, so cell 0 is centred on pixel (stride - 1) / 2: this project's own networks.

        Examples
        --------
        >>> Grid.centred(4).to_input(np.zeros(2)).tolist()
        [1.5, 1.5]
        """
        return cls(scale=(stride, stride), shift=((stride - 1) / 2,) * 2)

    @classmethod
    def deeplabcut(cls, stride: float) -> Self:
        """Cell 0 is centred on pixel stride / 2 (DeepLabCut, DeeperCut: `x * stride + stride / 2`)."""
        return cls(scale=(stride, stride), shift=(stride / 2,) * 2)

    @classmethod
    def corner(cls, stride: float) -> Self:
        """Cell 0 is centred on pixel 0 (Simple Baseline, HRNet: coordinates are multiplied by the stride)."""
        return cls(scale=(stride, stride), shift=(0.0, 0.0))

    @classmethod
    def unbiased(cls, input_size: tuple[int, int], heatmap_size: tuple[int, int]) -> Self:
        """First and last cell lie on the first and last pixel (UDP; Huang et al., CVPR 2020, eq. 6)."""
        scale = tuple(
            (image - 1) / (cells - 1) for image, cells in zip(input_size, heatmap_size, strict=True)
        )
        return cls(scale=(scale[0], scale[1]), shift=(0.0, 0.0))

    def to_input(self, xy: Floating) -> Floating:
        """Cells to input pixels.

        Parameters
        ----------
        xy : (..., 2) float, cells

        Returns
        -------
        xy : (..., 2) float, px
        """
        return xy * np.array(self.scale, dtype=xy.dtype) + np.array(self.shift, dtype=xy.dtype)

    def to_cells(self, xy: Floating) -> Floating:
        """Input pixels to cells, the inverse of `to_input`.

        Parameters
        ----------
        xy : (..., 2) float, px

        Returns
        -------
        xy : (..., 2) float, cells
        """
        return (xy - np.array(self.shift, dtype=xy.dtype)) / np.array(self.scale, dtype=xy.dtype)


def gaussian_targets(xy: Floating, size: tuple[int, int], sigma: float, *, rounded: bool = False) -> Floating:
    """Draw one Gaussian of height 1 per keypoint.

    Parameters
    ----------
    xy : (..., 2) float, cells
        NaN draws nothing.
    size : (int, int)
        Width and height of the heatmaps.
    sigma : float, cells
    rounded : bool
        Put the Gaussian on the nearest cell (Simple Baseline; biased by up to half a cell) instead of on the
        point itself (DARK, Zhang et al., CVPR 2020, section 3.2).

    Returns
    -------
    heatmaps : (..., height, width) float

    Examples
    --------
    >>> gaussian_targets(np.array([2.0, 1.0]), (5, 4), 1.0).argmax()
    np.int64(7)
    """
    centre = np.floor(xy + 0.5) if rounded else xy
    across = np.exp(-0.5 * ((np.arange(size[0]) - centre[..., 0:1]) / sigma) ** 2).astype(np.float32)
    down = np.exp(-0.5 * ((np.arange(size[1]) - centre[..., 1:2]) / sigma) ** 2).astype(np.float32)
    heatmaps = down[..., :, None] * across[..., None, :]
    return np.nan_to_num(heatmaps, copy=False, nan=0.0)


def offset_targets(xy: Floating, size: tuple[int, int], radius: float) -> tuple[Floating, Floating]:
    """Vectors from each cell near a keypoint to the keypoint: the targets of location refinement.

    Parameters
    ----------
    xy : (..., 2) float, cells
        NaN has no cells.
    size : (int, int)
        Width and height of the maps.
    radius : float, cells
        Only cells this near carry a target (DeeperCut, Insafutdinov et al., ECCV 2016, section 3).

    Returns
    -------
    offsets : (..., 2, height, width) float, cells
    near : (..., height, width) float
        1 where there is a target, else 0.
    """
    xy = xy.astype(np.float32)
    dx = xy[..., 0:1] - np.arange(size[0], dtype=np.float32)
    dy = xy[..., 1:2] - np.arange(size[1], dtype=np.float32)
    near = ((dx**2)[..., None, :] + (dy**2)[..., :, None] <= radius**2).astype(np.float32)
    offsets = np.stack(np.broadcast_arrays(dx[..., None, :], dy[..., :, None]), axis=-3)
    return np.nan_to_num(offsets * near[..., None, :, :], nan=0.0), near


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Peaks(ReadOnlyArrays):
    """The highest point of each heatmap.

    Attributes
    ----------
    xy : (..., 2) float, cells
    confidence : (...) float
        Height of the peak, clipped to [0, 1].
    covariance : (..., 2, 2) float, cells2
        As `peak_covariance` gives it, before the temperature that makes it a covariance of the error.
    """

    xy: Floating
    confidence: Floating
    covariance: Floating


def decode(
    heatmaps: Floating, *, method: str = "dark", sigma: float = 2.0, offsets: Floating | None = None
) -> Peaks:
    """Find the peak of each heatmap to a fraction of a cell.

    Parameters
    ----------
    heatmaps : (..., height, width) float
    method : str
        "argmax": the highest cell. "quarter": a quarter of a cell towards the higher neighbour (Newell et
        al., ECCV 2016). "dark": one Newton step on the logarithm of the blurred map (Zhang et al., CVPR 2020,
        eq. 9). "udp": the same with derivatives of step one (Huang et al., CVPR 2020). "soft": centre of mass
        of exp(map / 0.1) near the peak. Ignored where `offsets` is given.
    sigma : float, cells
        Of the Gaussians it was trained on.
    offsets : (..., 2, height, width) float, cells, optional
        Location refinement: the vector read at the highest cell is added to it.

    Returns
    -------
    peaks : Peaks

    Raises
    ------
    ValueError
        If the method is unknown or a map has fewer than two dimensions.

    Examples
    --------
    >>> peaks = decode(gaussian_targets(np.array([3.3, 5.6]), (16, 12), 2.0))
    >>> peaks.xy.round(2).tolist()
    [3.3, 5.6]
    """
    if method not in methods:
        raise ValueError(f"method: expected one of {', '.join(methods)}, got {method!r}")
    if np.ndim(heatmaps) < 2:
        raise ValueError(f"heatmaps: expected (..., height, width), got {np.shape(heatmaps)}")
    *batch, height, width = np.shape(heatmaps)
    maps = np.ascontiguousarray(heatmaps, dtype=np.float32).reshape(-1, height, width)
    best = maps.reshape(len(maps), -1).argmax(axis=1)
    cell = np.stack([best % width, best // width], axis=1)[:, None]
    flat = None if offsets is None else np.reshape(offsets, (len(maps), 2, height, width))
    peaks = refined_peaks(maps, cell, method=method, sigma=sigma, offsets=flat)
    return Peaks(
        xy=peaks.xy.reshape(*batch, 2),
        confidence=peaks.confidence.reshape(batch),
        covariance=peaks.covariance.reshape(*batch, 2, 2),
    )


def refined_peaks(
    maps: Floating,
    cells: NDArray[np.int64],
    *,
    method: str = "dark",
    sigma: float = 2.0,
    offsets: Floating | None = None,
) -> Peaks:
    """Refine peaks that were found, any number in each map.

    Parameters
    ----------
    maps : (n, height, width) float
    cells : (n, peaks, 2) int
        Column and row of each peak.
    method, sigma
        As for `decode`.
    offsets : (n, 2, height, width) float, cells, optional

    Returns
    -------
    peaks : Peaks
        (n, peaks, ...).
    """
    count, height, width = maps.shape
    row = np.repeat(np.arange(count), cells.shape[1])
    cell = cells.reshape(-1, 2)
    around = _patches(maps, row, cell, radius=max(3, int(np.ceil(3 * sigma))) + 1)
    if offsets is not None:
        shift = np.asarray(offsets, dtype=np.float32)[row, :, cell[:, 1], cell[:, 0]]
    else:
        shift = _refinements[method](around, sigma)
    # A peak on the border has no neighbours to refine with; elsewhere more than a cell is not a refinement.
    inner = np.minimum(cell, np.array([width - 1, height - 1]) - cell).min(axis=1) > 0
    if offsets is None and method != "soft":
        shift = np.where(inner[:, None], np.clip(shift, -1, 1), 0)
    return Peaks(
        xy=(cell + shift).reshape(cells.shape),
        confidence=np.clip(maps[row, cell[:, 1], cell[:, 0]], 0, 1).reshape(cells.shape[:-1]),
        covariance=peak_covariance(around, shift, sigma).reshape(*cells.shape, 2),
    )


def peak_covariance(around: Floating, shift: Floating, sigma: float) -> Floating:
    """Covariance that a peak's form and height speak of.

    A network trained on Gaussians of width sigma with squared loss answers with the mean over what it thinks
    possible: the posterior blurred by that Gaussian. The blurred posterior is wider, and lower by
    sigma^2 / sqrt(det(posterior + sigma^2 I)); the height is the more sensitive of the two, and the second
    moments near the peak say in which direction. That argument gives the power 1 of (1 / height - 1); on
    rendered frames of the demo the squared error grew with its power 1.5, which is what is used.

    Parameters
    ----------
    around : (peaks, size, size) float
        The map near each peak.
    shift : (peaks, 2) float, cells
        From the middle cell to the refined peak.
    sigma : float, cells

    Returns
    -------
    covariance : (peaks, 2, 2) float, cells2
    """
    radius = around.shape[-1] // 2
    steps = np.arange(-radius, radius + 1, dtype=np.float32)
    weight = np.maximum(np.nan_to_num(around), 0)
    total = np.maximum(weight.sum(axis=(1, 2)), 1e-12)
    columns, rows = weight.sum(axis=1), weight.sum(axis=2)
    dx, dy = steps - shift[:, :1], steps - shift[:, 1:]
    second = np.empty((len(around), 2, 2), dtype=np.float64)
    second[:, 0, 0] = (columns * dx**2).sum(axis=1) / total
    second[:, 1, 1] = (rows * dy**2).sum(axis=1) / total
    second[:, 0, 1] = second[:, 1, 0] = np.einsum("nij,ni,nj->n", weight, dy, dx, optimize=True) / total
    second += 1e-3 * sigma**2 * np.eye(2)
    round_part = np.sqrt(np.maximum(np.linalg.det(second), 1e-12))[:, None, None]
    peak = np.clip(np.nan_to_num(around[:, radius, radius]), 1e-3, 1)
    size = sigma**2 * (1 / peak - 1 + 0.05) ** 1.5
    return size[:, None, None] * second / round_part


def _patches(
    maps: Floating, row: NDArray[np.int64], cell: NDArray[np.int64], radius: int
) -> NDArray[np.float32]:
    """Copy the neighbourhood of each peak; what lies outside the map repeats its border."""
    steps = np.arange(-radius, radius + 1)
    columns = np.clip(cell[:, 0:1] + steps, 0, maps.shape[2] - 1)
    rows = np.clip(cell[:, 1:2] + steps, 0, maps.shape[1] - 1)
    flat = (row[:, None, None] * maps.shape[1] + rows[:, :, None]) * maps.shape[2] + columns[:, None, :]
    return maps.ravel().take(flat)


def _no_shift(around: Floating, _sigma: float) -> Floating:
    return np.zeros((len(around), 2), dtype=np.float32)


def _quarter_shift(around: Floating, _sigma: float) -> Floating:
    c = around.shape[-1] // 2
    slope = np.stack(
        [around[:, c, c + 1] - around[:, c, c - 1], around[:, c + 1, c] - around[:, c - 1, c]], 1
    )
    return 0.25 * np.sign(slope)


def _dark_shift(around: Floating, sigma: float) -> Floating:
    return _newton_step(around, sigma, step=2)


def _udp_shift(around: Floating, sigma: float) -> Floating:
    return _newton_step(around, sigma, step=1)


def _newton_step(around: Floating, sigma: float, step: int) -> Floating:
    """Step from the middle cell to the top of a Gaussian through log(blurred map): -H^-1 g.

    The slope is the central difference over one cell each way; second derivatives over `step` / 2 cells, as
    the two papers' authors take them.
    """
    log = np.log(np.maximum(_blurred(around, sigma), 1e-6))
    c = log.shape[-1] // 2

    def at(x: int, y: int) -> Floating:
        return log[:, c + y, c + x]

    gradient = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=1) / 2
    xx = (at(step, 0) - 2 * at(0, 0) + at(-step, 0)) / step**2
    yy = (at(0, step) - 2 * at(0, 0) + at(0, -step)) / step**2
    xy = (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) / 4
    determinant = xx * yy - xy**2
    top = (determinant > 1e-12) & (xx < 0)
    safe = np.where(top, determinant, 1)
    shift = -np.stack(
        [yy * gradient[:, 0] - xy * gradient[:, 1], xx * gradient[:, 1] - xy * gradient[:, 0]], 1
    )
    return np.where(top[:, None], shift / safe[:, None], 0)


def _blurred(around: Floating, sigma: float) -> Floating:
    """Blur the middle 5x5 cells with a Gaussian half as wide as the targets'."""
    radius = around.shape[-1] // 2
    reach = radius - 2
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (0.5 * sigma)) ** 2)
    kernel = kernel / kernel.sum()
    band = np.zeros((5, around.shape[-1]), dtype=around.dtype)
    for row in range(5):
        band[row, row : row + len(kernel)] = kernel
    return band @ around @ band.T


def _soft_shift(around: Floating, _sigma: float) -> Floating:
    reach = around.shape[-1] // 2
    middle = around - around[:, reach, reach, None, None]
    weight = np.exp(middle / 0.1)
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    total = weight.sum(axis=(1, 2))
    return np.stack([weight.sum(axis=1) @ steps, weight.sum(axis=2) @ steps], axis=1) / total[:, None]


_refinements = {
    "argmax": _no_shift,
    "quarter": _quarter_shift,
    "dark": _dark_shift,
    "udp": _udp_shift,
    "soft": _soft_shift,
}
