"""Where a flat board stands before one camera: both solutions of the planar pose problem, all frames at once.

Infinitesimal plane-based pose estimation (IPPE; Collins & Bartoli 2014, IJCV 109): the homography between
board and image gives, at one point of the board, its image and the Jacobian there, and these leave two
rotations, mirrored about the line of sight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.camera import Intrinsics

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEAST_CORNERS = 6

LEAST_WIDTH = 0.1
"""Corners whose spread across is less than this part of their spread along are nearly on a line."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardPoses(ReadOnlyArrays):
    """Candidate poses of the board before one camera.

    Attributes
    ----------
    R, t : (frames, 2, 3, 3), (frames, 2, 3) float
        cam_from_board, better solution first; NaN where there is none.
    error : (frames, 2) float, px
        Median reprojection error.
    """

    R: Float
    t: Float
    error: Float

    def at(self, frames: NDArray[np.int64]) -> "BoardPoses":
        """Keep some frames."""
        return BoardPoses(R=self.R[frames], t=self.t[frames], error=self.error[frames])

    def turned(self, turn: Float, middle: Float) -> "BoardPoses":
        """Return the poses of the board turned by a rotation (3, 3) about its middle (3,) m, board."""
        R = self.R @ turn
        return BoardPoses(R=R, t=self.t + (self.R - R) @ middle, error=self.error)

    def joined(self, other: "BoardPoses") -> "BoardPoses":
        """Add another's candidates to those of every frame."""
        pairs = ((self.R, other.R), (self.t, other.t), (self.error, other.error))
        R, t, error = (np.concatenate(pair, axis=1) for pair in pairs)
        return BoardPoses(R=R, t=t, error=error)


def board_poses(xy: Float, board: Float, intrinsics: Intrinsics) -> BoardPoses:
    """Find the board before one camera in every frame.

    Parameters
    ----------
    xy : (frames, corners, 2) float, px
        NaN where a corner was not found.
    board : (corners, 3) float, m, board
        The poses come from x and y, their errors from all three.
    intrinsics : Intrinsics

    Returns
    -------
    poses : BoardPoses
        NaN where too few corners are seen, these lie nearly on a line, or one would be behind the camera.
    """
    frames = len(xy)
    R, t = np.full((frames, 2, 3, 3), np.nan), np.full((frames, 2, 3), np.nan)
    error = np.full((frames, 2), np.inf)
    uv = intrinsics.undistort(xy)
    seen = np.isfinite(uv[..., 0])
    telling = np.flatnonzero(_spread_enough(board[:, :2], seen))
    if len(telling):
        seen, uv = seen[telling], np.where(seen[..., None], uv, 0.0)[telling]
        with np.errstate(all="ignore"):  # what cannot be solved is NaN, and no pose
            turns, middle = _rotations(board[:, :2], uv, seen)
            places = _translations(turns, board[:, :2] - middle[:, None], uv, seen)
            places -= np.einsum("fsij,fj->fsi", turns[..., :2], middle)
            off = intrinsics.K[0, 0] * _median_miss(turns, places, board, uv, seen)
        found = np.isfinite(off)
        R[telling] = np.where(found[..., None, None], turns, np.nan)
        t[telling] = np.where(found[..., None], places, np.nan)
        error[telling] = np.where(found, off, np.inf)
    swap = error[:, 1] < error[:, 0]
    for array in (R, t, error):
        array[swap] = array[swap, ::-1]
    return BoardPoses(R=R, t=t, error=error)


def _spread_enough(places: Float, seen: Bool) -> Bool:
    """Tell in which frames the corners seen span a plane well: neither few nor nearly on a line."""
    count = np.maximum(seen.sum(axis=1), 1)
    first = seen @ places / count[:, None]
    xx, yy = (seen @ places**2 / count[:, None] - first**2).T
    xy = seen @ (places[:, 0] * places[:, 1]) / count - first[:, 0] * first[:, 1]
    half, root = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.asarray((seen.sum(axis=1) >= LEAST_CORNERS) & (half - root > LEAST_WIDTH**2 * (half + root)))


def _rotations(places: Float, uv: Float, seen: Bool) -> tuple[Float, Float]:
    """Both rotations of every frame, (frames, 2, 3, 3), and the middle of the corners seen, (frames, 2)."""
    H, middle = _homographies(places, uv, seen)
    v = H[:, :2, 2]
    J = H[:, :2, :2] - v[:, :, None] * H[:, 2, None, :2]
    # The rotation that turns the optical axis to the line of sight (a, b, c).
    sight = np.concatenate([v, np.ones((len(v), 1))], axis=1)
    a, b, c = (sight / np.linalg.norm(sight, axis=1)[:, None]).T
    cross = -a * b / (1 + c)
    turn = np.stack([1 - a * a / (1 + c), cross, a, cross, 1 - b * b / (1 + c), b, -a, -b, c], axis=1)
    turn = turn.reshape(-1, 3, 3)
    # In that frame the board's axes look as long as they are across the line of sight, up to the distance;
    # the greatest length that any direction in the board has there is 1.
    B = turn[:, :2, :2] - v[:, :, None] * turn[:, 2, None, :2]
    A = B[:, ::-1, ::-1].transpose(0, 2, 1) * [[1, -1], [-1, 1]] @ J  # the inverse but for the scale
    A /= _greatest_singular_value(A)[:, None, None]
    along = np.sqrt(np.maximum(1 - (A**2).sum(axis=1), 0))  # of each axis along the line of sight
    along[:, 1] *= np.where((A[..., 0] * A[..., 1]).sum(axis=1) > 0, -1, 1)
    axes = np.stack([np.concatenate([A, sign * along[:, None]], axis=1) for sign in (1, -1)], axis=1)
    third = np.cross(axes[..., 0], axes[..., 1])
    return turn[:, None] @ np.concatenate([axes, third[..., None]], axis=-1), middle


def _greatest_singular_value(A: Float) -> Float:
    size, determinant = (A**2).sum(axis=(1, 2)), A[:, 0, 0] * A[:, 1, 1] - A[:, 0, 1] * A[:, 1, 0]
    return np.asarray(np.sqrt((size + np.sqrt(np.maximum(size**2 - 4 * determinant**2, 0))) / 2))


def _homographies(places: Float, uv: Float, seen: Bool) -> tuple[Float, Float]:
    """Image from board by the normalised direct linear transform (Hartley 1997), board from its middle."""
    count = seen.sum(axis=1)
    p, p_middle, _ = _normalised(np.broadcast_to(places, uv.shape), seen, count)
    q, q_middle, q_scale = _normalised(uv, seen, count)
    p = np.concatenate([p, np.broadcast_to(seen[..., None], (*seen.shape, 1))], axis=2)
    weights = (seen, -q[..., 0], -q[..., 1], (q**2).sum(axis=2))
    plain, u, v, both = (np.swapaxes(p, 1, 2) @ (weight[..., None] * p) for weight in weights)
    none = np.zeros_like(plain)
    normal = np.block([[plain, none, u], [none, plain, v], [u, v, both]])
    H = np.linalg.eigh(normal)[1][:, :, 0].reshape(-1, 3, 3)
    back = np.zeros_like(H)
    back[:, 0, 0] = back[:, 1, 1] = q_scale
    back[:, :2, 2], back[:, 2, 2] = q_middle, 1.0
    H = back @ H
    return H / H[:, 2:, 2:], p_middle


def _normalised(points: Float, seen: Bool, count: NDArray[np.int64]) -> tuple[Float, Float, Float]:
    """Points from their middle in units of their spread, zero where not seen; the middle; the unit."""
    middle = (points * seen[..., None]).sum(axis=1) / count[:, None]
    moved = np.where(seen[..., None], points - middle[:, None], 0.0)
    unit = np.sqrt((moved**2).sum(axis=(1, 2)) / count)
    unit = np.where(unit > 0, unit, 1.0)
    return moved / unit[:, None, None], middle, unit


def _translations(R: Float, places: Float, uv: Float, seen: Bool) -> Float:
    """Places of the middle that bring rays and corners together by least squares, (frames, 2, 3)."""
    X = places[:, None] @ np.swapaxes(R[..., :2], -1, -2)
    u, v = uv[:, None, :, 0], uv[:, None, :, 1]
    w = seen[:, None]
    n = seen.sum(axis=1)[:, None]
    x, y = w * (u * X[..., 2] - X[..., 0]), w * (v * X[..., 2] - X[..., 1])
    u_sum, v_sum, x_sum, y_sum = (value.sum(axis=-1) for value in (u, v, x, y))
    z = (u_sum * x_sum + v_sum * y_sum) / n - (u * x + v * y).sum(axis=-1)
    z /= (u**2 + v**2).sum(axis=-1) - (u_sum**2 + v_sum**2) / n
    return np.stack([(x_sum + u_sum * z) / n, (y_sum + v_sum * z) / n, z], axis=-1)


def _median_miss(R: Float, t: Float, board: Float, uv: Float, seen: Bool) -> Float:
    """Median distance of seen from projected corners, (frames, 2); infinite where one is behind."""
    X = board @ np.swapaxes(R, -1, -2) + t[:, :, None]
    off = np.linalg.norm(X[..., :2] / X[..., 2:] - uv[:, None], axis=-1)
    ordered = np.sort(np.where(seen[:, None], off, np.inf), axis=-1)
    count = seen.sum(axis=1)[:, None, None]
    middle = [np.take_along_axis(ordered, at, axis=-1)[..., 0] for at in ((count - 1) // 2, count // 2)]
    behind = (seen[:, None] & ~(X[..., 2] > 0)).any(axis=-1)
    return np.where(behind, np.inf, (middle[0] + middle[1]) / 2)
