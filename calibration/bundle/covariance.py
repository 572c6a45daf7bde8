"""How certain a calibration is: the covariance of its unknowns, and what that means in millimetres.

The covariance of a robust estimate is that of least squares with each view's noise replaced by its effective
noise, E[psi^2] / E[psi']^2 (Huber 1981, eq. 6.3.10): outliers and heavy tails make it larger. It covers the
sampling of the corners, not a wrong model; cross-validation (`held_out`) is there for that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.bundle.adjustment import kernels, normal_equations, reduced
from calibration.bundle.kernels import AFTER_POSE, LENS, VIEW_UNKNOWNS
from calibration.bundle.parameters import Free
from calibration.bundle.problem import Corners, Unknowns
from calibration.errors import CalibrationError

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Uncertainty(ReadOnlyArrays):
    """Covariance of everything that was estimated.

    Attributes
    ----------
    names : tuple of str
        Of the free unknowns, as "view:parameter"; places are rotations (rad) and translations (m) multiplied
        from the left, relative to the first camera.
    covariance : (free, free) float
    lenses : (views, 16) float
        Standard deviations of the numbers of every lens; 0 for those that were not estimated.
    frames : (frames, 6) float
        Standard deviations of the rotation (rad) and translation (m) of every board pose.
    sigma : (views,) float, px
        Effective noise per coordinate.
    """

    names: tuple[str, ...]
    covariance: Float
    lenses: Float
    frames: Float
    sigma: Float

    def deviation(self, name: str) -> float:
        """Return the standard deviation of one unknown; 0 for one that was not estimated.

        A parameter that views share stands under the view that owns it; `lenses` has it for all of them.

        Parameters
        ----------
        name : str

        Returns
        -------
        deviation : float
        """
        if name not in self.names:
            return 0.0
        i = self.names.index(name)
        return float(np.sqrt(self.covariance[i, i]))


def effective_noise(corners: Corners, residual: Float, sigma: Float, loss: float) -> Float:
    """Noise with which least squares would be as uncertain as the robust fit is.

    Parameters
    ----------
    corners : Corners
    residual : (observations, 2) float, px
    sigma : (views,) float, px
        Noise that the loss was scaled with.
    loss : float
        Scale of Cauchy's loss in multiples of sigma.

    Returns
    -------
    sigma : (views,) float, px
    """
    view = corners.view
    e2 = np.nan_to_num(np.sum(residual**2, axis=1), nan=1e6)
    scaled = e2 / (loss * sigma[view]) ** 2
    weight = 1 / (1 + scaled)
    slope = weight - weight**2 * scaled
    square = weight**2 * e2 / 2
    out = sigma.copy()
    for v in np.unique(view):
        mine = view == v
        out[v] = np.sqrt(square[mine].mean()) / max(slope[mine].mean(), 1e-3)
    return out


def uncertainty(
    corners: Corners, unknowns: Unknowns, free: Free, residual: Float, sigma: Float, *, loss: float
) -> Uncertainty:
    """Covariance of the unknowns at the solution.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns
        The solution.
    free : Free
    residual : (observations, 2) float, px
    sigma : (views,) float, px
        Noise that the loss was scaled with.
    loss : float

    Returns
    -------
    uncertainty : Uncertainty

    Raises
    ------
    CalibrationError
        If the corners leave a lens or a place undetermined.
    """
    effective = effective_noise(corners, residual, sigma, loss)
    for _ in range(2):  # the second round knows how many unknowns the data really determine
        normal = normal_equations(corners, unknowns, free, effective, 0.0)
        try:
            S, _, L, _ = reduced(normal, 0.0)
            covariance = np.linalg.inv(S)
        except np.linalg.LinAlgError:
            covariance = np.full((1, 1), np.nan)
        if not (np.diag(covariance) >= 0).all():
            raise CalibrationError(_undetermined(len(unknowns.Rb)))
        determined = len(S) - np.sum(covariance * free.prior)
        equations = 2 * len(corners.xy)
        spare = max(equations - 6 * len(unknowns.Rb) - determined, 0.05 * equations)
        effective = effective_noise(corners, residual, sigma, loss) * np.sqrt(equations / spare)
    inverse_V = np.einsum("fji,fjk->fik", L, L)
    lever = np.einsum("fij,fjn->fin", inverse_V, normal.W)
    frames = np.einsum("fii->fi", inverse_V) + np.einsum(
        "fin,nm,fim->fi", lever, covariance, lever, optimize=True
    )
    return Uncertainty(
        names=free.names,
        covariance=np.asarray(covariance, dtype=np.float64),
        lenses=_lens_deviations(free, np.asarray(covariance, dtype=np.float64), len(unknowns.lens)),
        frames=np.sqrt(np.maximum(frames, 0)),
        sigma=effective,
    )


def _undetermined(poses: int) -> str:
    return (
        f"the {poses} poses of the board do not determine the cameras: a lens or a place may change and no "
        "corner moves. Record the board in 20 or more different poses, tilted by 30 to 45 degrees to several "
        "sides, near and far, also in the corners of the images; or give the lenses that are known"
    )


def _lens_deviations(free: Free, covariance: Float, views: int) -> Float:
    """Give every view the standard deviations of its own numbers, also where views share them."""
    spread = free.spread[: views * VIEW_UNKNOWNS].toarray().reshape(views, VIEW_UNKNOWNS, -1)[:, :LENS]
    return np.asarray(np.sqrt(np.einsum("vin,nm,vim->vi", spread, covariance, spread, optimize=True)))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PointError(ReadOnlyArrays):
    """Expected error of triangulated points.

    Attributes
    ----------
    xyz : (points, 3) float, m, world
    views : (points,) int
        Cameras that see each point.
    calibration : (points,) float, m
        Standard deviation (length of the error vector) from the calibration; a rigid motion of the whole rig
        does not count.
    per_pixel : (points,) float, m
        RMS length of the error for one pixel of noise in every view.
    """

    xyz: Float
    views: NDArray[np.int64]
    calibration: Float
    per_pixel: Float


def point_error(
    xyz: Float, visible: NDArray[np.bool_], unknowns: Unknowns, free: Free, covariance: Float
) -> PointError:
    """Push the covariance of a calibration to triangulated points.

    Parameters
    ----------
    xyz : (points, 3) float, m, cam
        In the coordinates of the first camera, which is the world of the rig.
    visible : (points, views) bool
        Which cameras see which point.
    unknowns : Unknowns
    free : Free
    covariance : (free, free) float

    Returns
    -------
    error : PointError
        NaN where fewer than two cameras see a point.
    """
    points, views = visible.shape
    J = np.empty((points, views, 2, AFTER_POSE))
    kernels.sensitivities(
        unknowns.from_first_camera(xyz), unknowns.lens, unknowns.model, unknowns.Rc, unknowns.tc, J
    )
    seen = visible & np.isfinite(J[:, :, 0, 0])
    J = np.where(seen[:, :, None, None], np.nan_to_num(J), 0.0)
    by_point = np.einsum("nvij,vjk->nvik", J[..., 19:22], unknowns.Rc)
    N = np.einsum("nvik,nvil->nkl", by_point, by_point)
    enough = seen.sum(axis=1) >= 2
    N[~enough] = np.eye(3)
    inverse = np.linalg.inv(N)
    lever = np.einsum("nkl,nvil,nvij->nkvj", inverse, by_point, J, optimize=True)
    full = np.zeros((points * 3, views, VIEW_UNKNOWNS))
    full[:, :, :AFTER_POSE] = -lever.reshape(points * 3, views, AFTER_POSE)
    moved = full.reshape(points * 3, views * VIEW_UNKNOWNS) @ free.spread[: views * VIEW_UNKNOWNS]
    usable = np.repeat(enough, 3)
    moved[usable] -= _rigid_part(unknowns.from_first_camera(xyz)[enough], moved[usable])
    variance = (
        np.einsum("pn,nm,pm->p", moved, covariance, moved, optimize=True).reshape(points, 3).sum(axis=1)
    )
    return PointError(
        xyz=xyz,
        views=seen.sum(axis=1),
        calibration=np.where(enough, np.sqrt(np.maximum(variance, 0)), np.nan),
        per_pixel=np.where(enough, np.sqrt(np.einsum("nkk->n", inverse)), np.nan),
    )


def _rigid_part(xyz: Float, moved: Float) -> Float:
    """Return the part of many displacement fields (3 points, fields) that moves all points as one body."""
    if len(xyz) < 3:
        return np.zeros_like(moved)
    X = xyz - xyz.mean(axis=0)
    modes = np.zeros((6, len(X), 3))
    for i in range(3):
        modes[i, :, i] = 1.0
        modes[3 + i] = np.cross(np.eye(3)[i], X)
    basis = np.linalg.svd(modes.reshape(6, -1), full_matrices=False)[2]
    return basis.T @ (basis @ moved)
