"""Joint refinement of lenses, cameras, board poses and the board: Levenberg-Marquardt on a Schur complement.

The poses of the board, six unknowns per frame and by far the most numerous, are eliminated from the normal
equations frame by frame; what is left has the size of the rig and is solved densely (Brown 1976; Triggs et
al. 2000, "Bundle adjustment: a modern synthesis", section 6). The loss is Cauchy's, in multiples of each
view's noise, by iterated weights (they fall off as 1/r2, so the influence of a gross outlier tends to zero).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from calibration.bundle import kernels
from calibration.bundle.kernels import VIEW_UNKNOWNS
from calibration.bundle.parameters import Free
from calibration.bundle.problem import Corners, Unknowns
from calibration.geometry.rotations import stepped_poses

Float = NDArray[np.float64]

RAYLEIGH_MEDIAN = 1.1774100225154747
"""Median length of a 2D Gaussian error in units of its standard deviation per coordinate."""


SIGMA_RATIO = 4.0
"""How many times more or less noise than usual a view can have; beyond that it is wrong, not noisy."""


STUCK = 10.0
"""Tolerances of cost that a step may still promise where none lowers it: rounding, at a minimum."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardSolution:
    """Result of a refinement.

    Attributes
    ----------
    unknowns : Unknowns
    sigma : (views,) float, px
        Noise per coordinate that the loss was scaled with.
    cost_before, cost_after : float
    iterations : int
    converged : bool
    """

    unknowns: Unknowns
    sigma: Float
    cost_before: float
    cost_after: float
    iterations: int
    converged: bool


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Normal:
    """Normal equations in the free unknowns `H dx = g`, coupled by `W` to those of the frames."""

    H: Float
    g: Float
    W: Float
    V: Float
    h: Float


def residuals(corners: Corners, unknowns: Unknowns) -> Float:
    """Observed minus predicted of every corner.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns

    Returns
    -------
    residual : (observations, 2) float, px
        NaN behind a camera.
    """
    out = np.empty_like(corners.xy)
    kernels.corner_residuals(
        corners.groups, corners.start, corners.corner, corners.xy, unknowns.lens, unknowns.model, unknowns.Rc,
        unknowns.tc, unknowns.Rb, unknowns.tb, unknowns.points, unknowns.twist, unknowns.delay, out,
    )  # fmt: skip
    return out


def view_noise(corners: Corners, residual: Float, views: int, *, floor: float = 0.02) -> Float:
    """Estimate each view's noise from the median length of its residuals.

    Parameters
    ----------
    corners : Corners
    residual : (observations, 2) float, px
    views : int
    floor : float, px
        No corner is located better than this.

    Returns
    -------
    sigma : (views,) float, px
        Per coordinate; NaN residuals count as large ones.
    """
    length = np.nan_to_num(np.hypot(residual[:, 0], residual[:, 1]), nan=1e3)
    view = corners.view
    sigma = np.array([np.median(length[view == v]) if (view == v).any() else 1.0 for v in range(views)])
    # Left alone, the fit would come to believe one view and follow it into its errors.
    usual = np.median(sigma)
    return np.maximum(np.clip(sigma, usual / SIGMA_RATIO, usual * SIGMA_RATIO) / RAYLEIGH_MEDIAN, floor)


def normal_equations(corners: Corners, unknowns: Unknowns, free: Free, sigma: Float, c2: float) -> Normal:
    """Build the normal equations of the free unknowns at an estimate, priors included."""
    views, frames, count = len(unknowns.lens), len(unknowns.Rb), len(unknowns.board)
    with_board = free.moves_corners
    n = VIEW_UNKNOWNS * views + 3 * count * with_board
    H, g = np.zeros((n, n)), np.zeros(n)
    W, V, h = np.zeros((frames, 6, n)), np.zeros((frames, 6, 6)), np.zeros((frames, 6))
    kernels.add_normal_equations(
        corners.groups, corners.start, corners.corner, corners.xy, unknowns.lens, unknowns.model, unknowns.Rc,
        unknowns.tc, unknowns.Rb, unknowns.tb, unknowns.points, unknowns.twist, unknowns.delay, sigma, c2,
        H, g, W, V, h, with_board,
    )  # fmt: skip
    H = np.tril(H) + np.tril(H, -1).T
    A = free.derivative(unknowns)[:n]
    prior_gradient = free.prior @ (free.mean - free.read(unknowns))
    return Normal(
        H=A.T @ (A.T @ H).T + free.prior,
        g=A.T @ g + prior_gradient,
        W=(W.reshape(6 * frames, n) @ A).reshape(frames, 6, A.shape[1]),
        V=V,
        h=h,
    )


def reduced(normal: Normal, damping: float) -> tuple[Float, Float, Float, Float]:
    """Eliminate the frames: Schur complement, right-hand side, and what leads back to the frames."""
    eye = np.arange(6)
    V = normal.V.copy()
    V[:, eye, eye] = V[:, eye, eye] * (1 + damping + 1e-13) + 1e-30
    L = np.linalg.inv(np.linalg.cholesky(V))
    Y = (L @ normal.W).reshape(6 * len(V), normal.W.shape[2])
    y = np.einsum("fij,fj->fi", L, normal.h).ravel()
    S = normal.H - Y.T @ Y
    diagonal = np.arange(len(S))
    S[diagonal, diagonal] += damping * normal.H[diagonal, diagonal]
    return S, normal.g - Y.T @ y, L, y


def step(normal: Normal, damping: float) -> tuple[Float, Float]:
    """Solve for the change of the free unknowns and of the frames."""
    S, s, L, y = reduced(normal, damping)
    dx = linalg.cho_solve(linalg.cho_factor(S, lower=True, check_finite=False), s) if len(s) else s
    back = y.reshape(-1, 6) - np.einsum("fij,fj->fi", L, normal.W @ dx)
    return dx, np.einsum("fji,fj->fi", L, back)


def move(unknowns: Unknowns, free: Free, dx: Float, dframes: Float) -> Unknowns:
    """Apply a step."""
    full = free.spread @ dx
    views = len(unknowns.lens)
    change = full[: VIEW_UNKNOWNS * views].reshape(views, VIEW_UNKNOWNS)
    offsets, links = np.split(full[VIEW_UNKNOWNS * views :], [3 * len(unknowns.board)])
    board = unknowns.board + offsets.reshape(-1, 3) if free.moves_board else unknowns.board
    Ro, to = unknowns.Ro.copy(), unknowns.to.copy()
    for link, step_of in enumerate(links.reshape(-1, 6), start=1):
        Ro[link] = kernels.rotation(step_of[:3]) @ Ro[link]
        to[link] += step_of[3:]
    Rc, tc = stepped_poses(unknowns.Rc, unknowns.tc, change[:, 16:22])
    Rb, tb = stepped_poses(unknowns.Rb, unknowns.tb, dframes)
    return replace(
        unknowns,
        lens=unknowns.lens + change[:, :16],
        Rc=Rc,
        tc=tc,
        clock_offset=unknowns.clock_offset + change[:, 22],
        Rb=Rb,
        tb=tb,
        board=board,
        Ro=Ro,
        to=to,
    )


def total_cost(corners: Corners, unknowns: Unknowns, free: Free, sigma: Float, c2: float) -> float:
    """Robust cost of all observations plus priors."""
    residual = residuals(corners, unknowns)
    off = free.read(unknowns) - free.mean
    data = kernels.cauchy_cost(residual, np.ascontiguousarray(corners.groups[:, 1]), corners.start, sigma, c2)
    return float(data + off @ free.prior @ off)


def adjust(
    corners: Corners,
    unknowns: Unknowns,
    free: Free,
    sigma: Float,
    *,
    loss: float = 2.5,
    iterations: int = 60,
    tolerance: float = 1e-6,
) -> BoardSolution:
    """Minimise the robust reprojection error.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns
        Start.
    free : Free
        What is estimated besides the poses of the board, and its priors.
    sigma : (views,) float, px
        Noise per coordinate.
    loss : float
        Scale of Cauchy's loss in multiples of sigma; 0 is least squares.
    iterations : int
    tolerance : float
        Relative decrease of the cost that counts as convergence.

    Returns
    -------
    solution : BoardSolution
    """
    c2 = loss * loss
    before = current = total_cost(corners, unknowns, free, sigma, c2)
    damping, converged, count = 1e-7, False, 0
    for count in range(1, iterations + 1):  # noqa: B007
        normal = normal_equations(corners, unknowns, free, sigma, c2)
        accepted, gain, promised = False, 0.0, np.inf
        while damping < 1e12:
            try:
                dx, dframes = step(normal, damping)
                trial = move(unknowns, free, dx, dframes)
            except linalg.LinAlgError:
                damping = max(damping * 10, 1e-7)
                continue
            if not np.isfinite(promised):
                promised = float(dx @ normal.g + np.sum(dframes * normal.h))
            cost = total_cost(corners, trial, free, sigma, c2)
            if cost <= current:
                accepted, gain = True, current - cost
                unknowns, current, damping = trial, cost, damping * 0.1
                break
            damping = max(damping * 10, 1e-7)
        if not accepted:
            # At a minimum the equations promise nothing; where they do and no damping helps, it is none.
            converged = promised <= STUCK * tolerance * current
            break
        if gain <= tolerance * current:
            converged = True
            break
    return BoardSolution(
        unknowns=unknowns,
        sigma=sigma,
        cost_before=before,
        cost_after=current,
        iterations=count,
        converged=converged,
    )
