"""Bundle adjustment of cameras, their clocks and one moving point whose path is a cubic spline in time.

Unknowns: 6 of the pose of every camera, offset and rate of every clock, 3 per coefficient of the spline. A
camera sees the spline at its own time, so a clock is found from the derivative of the path (compare Li et al.
2020, "Reconstruction of 3D flight trajectories from ad-hoc camera networks"). The normal equations are a band
(the spline) with a border (cameras and clocks), solved as a sparse matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import BSpline
from scipy.linalg import solveh_banded
from scipy.ndimage import median_filter
from scipy.sparse.linalg import splu

from calibration.arrays import ReadOnlyArrays
from calibration.camera import Intrinsics
from calibration.geometry.lens import DISTORT, fill_coefficients, to_pixels
from calibration.geometry.rotations import stepped_poses
from calibration.points.moving_point import Clocks

Float = NDArray[np.float64]
Int = NDArray[np.int64]

DEGREE = 3
CLOCKED_UNKNOWNS = 8
"""Rotation and translation (from the left), offset, rate."""

PATH_CUTOFF = 3.0

WIDE_PX = 20.0
"""Least width of the loss to begin with: stretches of the path may be off by more than most of it is."""

BAND = 3 * (DEGREE + 1) - 1
"""Diagonals above the main one of the spline's own block: four coefficients of three numbers meet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathSightings(ReadOnlyArrays):
    """Pixels of all cameras.

    Attributes
    ----------
    view : (n,) int
    nominal : (n,) float, s
        Frame over nominal frame rate.
    xy : (n, 2) float, px
    """

    view: Int
    nominal: Float
    xy: Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State(ReadOnlyArrays):
    """Unknowns.

    Attributes
    ----------
    R, t : (views, 3, 3), (views, 3) float
        Of cam_from_world.
    clocks : Clocks
    spline : BSpline
    """

    R: Float
    t: Float
    clocks: Clocks
    spline: BSpline

    def times(self, sightings: PathSightings) -> Float:
        """World times of the sightings, (n,) s."""
        clocks, view = self.clocks, sightings.view
        return np.asarray(clocks.offset[view] + clocks.rate[view] * sightings.nominal)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathProblem(ReadOnlyArrays):
    """What is given: sightings, lenses, what is free and how smooth a path is expected.

    Attributes
    ----------
    sightings : PathSightings
    K : (views, 3, 3) float, px
    distortion : (views, 12) float
    model : tuple of str
    free : (views, 8) bool
    roughness : float
        Standard deviation of the third differences of the spline's coefficients, in its unit.
    """

    sightings: PathSightings
    K: Float
    distortion: Float
    model: tuple[str, ...]
    free: NDArray[np.bool_]
    roughness: float

    @classmethod
    def of(
        cls, sightings: PathSightings, lenses: Sequence[Intrinsics], free: NDArray[np.bool_], roughness: float
    ) -> "PathProblem":
        """Take the numbers out of the lenses."""
        return cls(
            sightings=sightings,
            K=np.array([lens.K for lens in lenses]),
            distortion=np.array([fill_coefficients(lens.distortion) for lens in lenses]),
            model=tuple(lens.model for lens in lenses),
            free=free,
            roughness=roughness,
        )


def path_residuals(problem: PathProblem, state: State) -> Float:
    """Observed minus predicted, (n, 2) px; NaN behind a camera."""
    return _linearised(problem, state, derivatives=False)[0]


def path_noise(error: Float) -> float:
    """Estimate the standard deviation of the noise in x and in y."""
    size = np.abs(error[np.isfinite(error).all(axis=1)])
    return float(1.4826 * np.median(size)) if size.size else np.inf


def adjust_path(problem: PathProblem, state: State, *, iterations: int = 60) -> tuple[State, float]:
    """Refine by Levenberg-Marquardt under a bounded loss that narrows to the noise.

    Parameters
    ----------
    problem : PathProblem
    state : State
    iterations : int
        Per width of the loss.

    Returns
    -------
    state : State
    sigma : float, px
        Of the noise.
    """
    sigma = path_noise(path_residuals(problem, state))
    scale = max(2 * PATH_CUTOFF * sigma, WIDE_PX)
    while True:
        state = _descend(problem, state, scale, sigma, min(iterations, 10))
        sigma = path_noise(path_residuals(problem, state))
        if scale <= 1.05 * PATH_CUTOFF * sigma:
            return _descend(problem, state, scale, sigma, iterations), sigma
        scale = max(scale / 2, PATH_CUTOFF * sigma)


def _descend(problem: PathProblem, state: State, scale: float, sigma: float, iterations: int) -> State:
    stiffness = (sigma / problem.roughness) ** 2  # of third differences, so that both terms are px2
    damping, cost = 1e-4, _cost(problem, state, scale, stiffness)
    for _ in range(iterations):
        H, g = _normal_equations(problem, state, scale, stiffness)
        H = H + damping * sparse.diags(H.diagonal() + 1e-9 * H.diagonal().max())
        trial = _moved(problem, state, _solved(H, g, int(problem.free.sum())))
        new = _cost(problem, trial, scale, stiffness)
        if new < cost:
            gain, state, cost, damping = cost - new, trial, new, max(damping / 5, 1e-10)
            if gain < 1e-5 * cost:
                break
        else:
            damping *= 10
            if damping > 1e6:
                break
    return state


def _solved(H: sparse.csr_matrix, g: Float, border: int) -> Float:
    """Solve a banded matrix with a dense border at its head, by the Schur complement of the band."""
    band = H[border:, border:]
    upper = np.zeros((BAND + 1, band.shape[0]))
    for k in range(BAND + 1):
        upper[BAND - k, k:] = band.diagonal(k)
    side = H[:border, border:].toarray()
    inner = solveh_banded(upper, np.column_stack([g[border:], side.T]), check_finite=False)
    x = np.linalg.solve(H[:border, :border].toarray() - side @ inner[:, 1:], g[:border] - side @ inner[:, 0])
    return np.concatenate([x, inner[:, 0] - inner[:, 1:] @ x])


def _cost(problem: PathProblem, state: State, scale: float, stiffness: float) -> float:
    e2 = (path_residuals(problem, state) ** 2).sum(axis=1)
    e2 = np.where(np.isfinite(e2), e2, np.inf)
    robust = scale**2 * np.sum(np.where(np.isinf(e2), 1.0, e2 / (scale**2 + np.where(np.isinf(e2), 0, e2))))
    return float(robust + stiffness * (np.diff(state.spline.c, 3, axis=0) ** 2).sum())


def _normal_equations(
    problem: PathProblem, state: State, scale: float, stiffness: float
) -> tuple[sparse.csr_matrix, Float]:
    error, J = _linearised(problem, state, derivatives=True)
    e2 = (error**2).sum(axis=1)
    good = np.isfinite(e2)
    weight = np.zeros(len(e2))
    weight[good] = (scale**2 / (scale**2 + e2[good])) ** 2
    weight = np.repeat(weight, 2)
    flat = np.where(np.repeat(good, 2), error.ravel(), 0.0)
    WJ = sparse.diags(weight) @ J
    count = len(state.spline.c)
    third = sparse.diags([-1.0, 3.0, -3.0, 1.0], [0, 1, 2, 3], shape=(count - 3, count))
    border = problem.free.sum()
    smooth = sparse.kron(third.T @ third, sparse.eye(3)) * stiffness
    pad = sparse.csr_matrix((border, border))
    H = (J.T @ WJ + sparse.block_diag([pad, smooth])).tocsr()
    g = WJ.T @ flat
    g[border:] -= smooth @ state.spline.c.ravel()
    return H, g


def _linearised(problem: PathProblem, state: State, *, derivatives: bool) -> tuple[Float, Any]:
    sightings = problem.sightings
    view, times = sightings.view, state.times(sightings)
    knots = state.spline.t
    times = np.clip(times, knots[DEGREE], knots[-DEGREE - 1])
    world = state.spline(times)
    cam = np.einsum("nij,nj->ni", state.R[view], world) + state.t[view]
    z = np.where(cam[:, 2] > 0, cam[:, 2], np.nan)
    x, y = cam[:, 0] / z, cam[:, 1] / z
    predicted, D = np.empty_like(sightings.xy), np.empty((len(view), 2, 3))
    for index, model in enumerate(problem.model):
        mine = view == index
        u, v, u_x, u_y, v_x, v_y = DISTORT[model](x[mine], y[mine], problem.distortion[index])
        K = problem.K[index]
        predicted[mine] = to_pixels(np.stack([u, v], axis=-1), K)
        across = K[:2, :2] @ np.moveaxis(np.array([[u_x, u_y], [v_x, v_y]]), -1, 0) / z[mine, None, None]
        D[mine, :, :2] = across
        D[mine, :, 2] = -(across @ np.stack([x[mine], y[mine]], axis=-1)[..., None])[..., 0]
    error = sightings.xy - predicted
    if not derivatives:
        return error, None
    D = np.nan_to_num(D)
    return error, _jacobian(problem, state, times, cam, D)


def _jacobian(problem: PathProblem, state: State, times: Float, cam: Float, D: Float) -> sparse.csr_matrix:
    view, count = problem.sightings.view, len(times)
    turn = np.stack([np.cross(axis, cam) for axis in np.eye(3)], axis=-1)  # d cam / d rotation = w x cam
    along = np.einsum("nij,nj->ni", state.R[view], state.spline.derivative()(times))
    later = D @ along[..., None]
    local = np.concatenate(
        [D @ turn, D, later, later * problem.sightings.nominal[:, None, None]],
        axis=2,
    )
    free = problem.free.ravel()
    place = np.where(free, np.cumsum(free) - 1, -1).reshape(problem.free.shape)
    columns = np.repeat(place[view][:, None], 2, axis=1)
    rows = np.broadcast_to(np.arange(2 * count).reshape(count, 2, 1), columns.shape)
    used = columns >= 0
    border = int(problem.free.sum())
    shape = (2 * count, border + state.spline.c.size)
    cameras = sparse.csr_matrix((local[used], (rows[used], columns[used])), shape=shape)
    basis = BSpline.design_matrix(times, state.spline.t, DEGREE).tocoo()
    path = D @ state.R[view]
    values = basis.data[:, None, None] * path[basis.row]
    rows = np.broadcast_to(2 * basis.row[:, None, None] + np.arange(2)[:, None], values.shape)
    columns = np.broadcast_to(border + 3 * basis.col[:, None, None] + np.arange(3), values.shape)
    return cameras + sparse.csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)


def _moved(problem: PathProblem, state: State, step: Float) -> State:
    border = int(problem.free.sum())
    delta = np.zeros(problem.free.shape)
    delta[problem.free] = step[:border]
    spline = BSpline(state.spline.t, state.spline.c + step[border:].reshape(-1, 3), DEGREE)
    clocks = Clocks(offset=state.clocks.offset + delta[:, 6], rate=state.clocks.rate + delta[:, 7])
    R, t = stepped_poses(state.R, state.t, delta[:, :6])
    return replace(state, R=R, t=t, clocks=clocks, spline=spline)


def fitted_spline(times: Float, xyz: Float, knots: Float, roughness: float) -> BSpline:
    """Fit a smooth path through scattered points, robustly.

    Parameters
    ----------
    times : (n,) float, s
        Rising.
    xyz : (n, 3) float, m, world
    knots : (k,) float, s
    roughness : float
        Expected third differences of the coefficients over the noise of the points.

    Returns
    -------
    spline : BSpline
    """
    basis = BSpline.design_matrix(np.clip(times, knots[DEGREE], knots[-DEGREE - 1]), knots, DEGREE)
    count = basis.shape[1]
    third = sparse.diags([-1.0, 3.0, -3.0, 1.0], [0, 1, 2, 3], shape=(count - 3, count))
    smooth = third.T @ third / roughness**2 + 1e-9 * sparse.eye(count)
    # A running median tells outliers from the path before there is a path, also at its thin ends.
    miss = np.linalg.norm(median_filter(xyz, size=(9, 1), mode="nearest") - xyz, axis=1)
    for _ in range(20):
        weight = 1 / (1 + (miss / max(2 * np.median(miss), 1e-12)) ** 2) ** 2
        H = (basis.T @ sparse.diags(weight) @ basis + smooth).tocsc()
        coefficients = splu(H).solve(basis.T @ (weight[:, None] * xyz))
        miss = np.linalg.norm(basis @ coefficients - xyz, axis=1)
    return BSpline(knots, coefficients, DEGREE)
