# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Linear triangulation of blocks of points.

Every observation x, y of a camera [R t] gives two equations, x (r3 X + t3) = r1 X + t1 and the same for y
(Hartley & Sturm 1997, "Triangulation", the inhomogeneous form). They are solved twice, the second time
divided by the depths that the first gave, which turns the algebraic error into the reprojection error to
first order.
The information of each observation, carried through the lens, weighs its equations. Importing loads numba.
"""

from numba import njit

from calibration.geometry.blocks import VIEW, N, X, Y, solve3
from calibration.geometry.point_projection import packed
from calibration.geometry.undistortion import LANES


@njit(cache=True, nogil=True, error_model="numpy")
def linear_block(observed, on, rig, sums, xyz):
    """Triangulate a block.

    Parameters
    ----------
    observed : (views * VIEW,) float
    on : (views * LANES,) float
    rig : CameraArrays
    sums : (SUMS * LANES,) float
        Work space.
    xyz : (3 * LANES,) float, m, world
        NaN where fewer than two observations are on or their rays are parallel.
    """
    for depth_known in (False, True):
        sums[:] = 0.0
        for view in range(len(rig.t)):
            o = observed[view * VIEW : (view + 1) * VIEW]
            P = packed(rig.R[view], rig.t[view])
            _add_view(depth_known, P, o, on[view * LANES : (view + 1) * LANES], xyz, sums)
        for i in range(LANES):
            x, y, z = solve3(
                sums[i],
                sums[LANES + i],
                sums[2 * LANES + i],
                sums[3 * LANES + i],
                sums[4 * LANES + i],
                sums[5 * LANES + i],
                sums[6 * LANES + i],
                sums[7 * LANES + i],
                sums[8 * LANES + i],
            )
            xyz[i] = x
            xyz[LANES + i] = y
            xyz[2 * LANES + i] = z


@njit(cache=True, nogil=True, error_model="numpy")
def _add_view(depth_known, P, o, on, xyz, sums):
    p00, p01, p02, p03, p10, p11, p12, p13, p20, p21, p22, p23 = P
    for i in range(LANES):
        x, y, weight = o[X + i], o[Y + i], on[i]
        if depth_known:
            z = p20 * xyz[i] + p21 * xyz[LANES + i] + p22 * xyz[2 * LANES + i] + p23
            weight = weight / (z * z)
        a0, a1, a2, a3 = x * p20 - p00, x * p21 - p01, x * p22 - p02, p03 - x * p23
        b0, b1, b2, b3 = y * p20 - p10, y * p21 - p11, y * p22 - p12, p13 - y * p23
        n0, n1, n2 = weight * o[N + i], weight * o[N + LANES + i], weight * o[N + 2 * LANES + i]
        e0, e1, e2 = n0 * a0 + n1 * b0, n0 * a1 + n1 * b1, n0 * a2 + n1 * b2
        f0, f1, f2 = n1 * a0 + n2 * b0, n1 * a1 + n2 * b1, n1 * a2 + n2 * b2
        sums[i] += e0 * a0 + f0 * b0
        sums[LANES + i] += e0 * a1 + f0 * b1
        sums[2 * LANES + i] += e0 * a2 + f0 * b2
        sums[3 * LANES + i] += e1 * a1 + f1 * b1
        sums[4 * LANES + i] += e1 * a2 + f1 * b2
        sums[5 * LANES + i] += e2 * a2 + f2 * b2
        sums[6 * LANES + i] += e0 * a3 + f0 * b3
        sums[7 * LANES + i] += e1 * a3 + f1 * b3
        sums[8 * LANES + i] += e2 * a3 + f2 * b3
