"""What the joint refinement works on: observations as flat lists, and the unknowns as plain arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.bundle.kernels import LENS
from calibration.camera import Camera, Intrinsics
from calibration.geometry.lens import ODD, fill_coefficients
from calibration.geometry.lens_conversion import to_rational
from calibration.rig import Rig

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MODELS = ("pinhole", "fisheye", "angle")
"""Lens models by the number that kernels know them by; the last one is written as "pinhole"."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Corners:
    """Observed corners as flat lists, sorted by frame, view and corner.

    Attributes
    ----------
    groups : (groups, 2) int
        Frame and view of what one view sees in one frame.
    start : (groups + 1,) int
        Where the corners of each group begin.
    corner : (observations,) int
    xy : (observations, 2) float, px
    """

    groups: Int
    start: Int
    corner: Int
    xy: Float

    @classmethod
    def from_array(cls, xy: Float) -> "Corners":
        """Flatten (frames, views, corners, 2) px with NaN where a corner was not found."""
        frame, view, corner = np.nonzero(np.isfinite(xy[..., 0]))
        key = frame * xy.shape[1] + view
        groups, start = np.unique(key, return_index=True)
        return cls(
            groups=np.stack([groups // xy.shape[1], groups % xy.shape[1]], axis=1).astype(np.int64),
            start=np.append(start, len(key)).astype(np.int64),
            corner=corner.astype(np.int64),
            xy=np.ascontiguousarray(xy[frame, view, corner]),
        )

    def at_frames(self, frames: Int) -> "Corners":
        """Keep some frames, in increasing order, and number them from zero."""
        mine = np.isin(self.frame, frames)
        key = np.searchsorted(frames, self.frame[mine]) * (int(self.groups[:, 1].max()) + 1) + self.view[mine]
        groups, start = np.unique(key, return_index=True)
        views = int(self.groups[:, 1].max()) + 1
        return Corners(
            groups=np.stack([groups // views, groups % views], axis=1).astype(np.int64),
            start=np.append(start, len(key)).astype(np.int64),
            corner=self.corner[mine],
            xy=np.ascontiguousarray(self.xy[mine]),
        )

    @property
    def frame(self) -> Int:
        """Frame of every observation."""
        return np.repeat(self.groups[:, 0], np.diff(self.start))

    @property
    def view(self) -> Int:
        """View of every observation."""
        return np.repeat(self.groups[:, 1], np.diff(self.start))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Unknowns:
    """One estimate of everything: lenses, cameras, board poses, the board itself.

    Several boards that are fixed to each other are one object, with the coordinates of the first board.

    Attributes
    ----------
    lens : (views, 16) float
        fx fy cx cy and 12 coefficients.
    model : (views,) int
        Index into `MODELS`.
    Rc, tc : (views, 3, 3), (views, 3) float
        cam_from_world.
    Rb, tb : (frames, 3, 3), (frames, 3) float
        world_from_board, or world_from_object.
    board : (corners, 3) float, m, board
        Each corner in the coordinates of its own board.
    board_of : (corners,) int
    Ro, to : (boards, 3, 3), (boards, 3) float
        object_from_board; empty where boards are not fixed to each other.
    twist : (frames, 6) float
        How the board moves in the world: rad/s and m/s.
    clock_offset : (views,) float, s
        How much later than its time stamp a view takes its images.
    stamp : (frames, views) float, s
        Time stamps, relative to the instant of the frame.
    """

    lens: Float
    model: Int
    Rc: Float
    tc: Float
    Rb: Float
    tb: Float
    board: Float
    board_of: Int
    Ro: Float
    to: Float
    twist: Float
    clock_offset: Float
    stamp: Float

    @property
    def points(self) -> Float:
        """Corners in the coordinates that poses move, (corners, 3) m, object."""
        if not len(self.Ro):
            return self.board
        return np.einsum("kij,kj->ki", self.Ro[self.board_of], self.board) + self.to[self.board_of]

    @property
    def delay(self) -> Float:
        """How long after the instant of a frame each view took its image, (frames, views) s."""
        return self.stamp + self.clock_offset

    def at_frames(self, frames: Int) -> "Unknowns":
        """Keep the boards of some frames."""
        return replace(
            self, Rb=self.Rb[frames], tb=self.tb[frames], twist=self.twist[frames], stamp=self.stamp[frames]
        )

    def from_first_camera(self, xyz: Float) -> Float:
        """Take points from the first camera's coordinates, (n, 3) m, to the world of the unknowns."""
        return (xyz - self.tc[0]) @ self.Rc[0]

    def with_rig_of(self, other: "Unknowns") -> "Unknowns":
        """Take lenses, places, delays and the board itself from another estimate."""
        return replace(
            self,
            lens=other.lens,
            model=other.model,
            Rc=other.Rc,
            tc=other.tc,
            board=other.board,
            Ro=other.Ro,
            to=other.to,
            clock_offset=other.clock_offset,
        )

    def to_rig(self, names: tuple[str, ...], sizes: Int, coefficients: tuple[int, ...]) -> Rig:
        """Give the cameras their names; the world becomes the first camera."""
        cameras = []
        Rc = self.Rc @ self.Rc[0].T
        tc = self.tc - Rc @ self.tc[0]
        for view, name in enumerate(names):
            size = (int(sizes[view][0]), int(sizes[view][1]))
            intrinsics = row_lens(self.lens[view], int(self.model[view]), size, coefficients[view])
            place = RigidTransform.from_components(tc[view], Rotation.from_matrix(Rc[view]))
            cameras.append(Camera(name=name, intrinsics=intrinsics, cam_from_world=place))
        return Rig(cameras=tuple(cameras))


def lens_row(intrinsics: Intrinsics) -> Float:
    """Write a lens as the 16 numbers that kernels take."""
    K = intrinsics.K
    row = np.zeros(LENS)
    row[:4] = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    row[4:] = fill_coefficients(intrinsics.distortion)
    return row


def odd_columns(model: int) -> list[int]:
    """Return the numbers of a lens that change sign in the flipped image, besides its width for cx."""
    return [2, *(4 + i for i in ODD if MODELS[model] != "fisheye")]


def flipped_row(row: Float, model: int, width: int) -> Float:
    """Return the lens of the image flipped left to right."""
    row = row.copy()
    row[odd_columns(model)] *= -1
    row[2] += width - 1
    return row


def row_lens(row: Float, model: int, size: tuple[int, int], coefficients: int) -> Intrinsics:
    """Read the 16 numbers that kernels take; an angle polynomial becomes OpenCV's rational model."""
    name = MODELS[model]
    if name == "angle":
        row, name = to_rational(row, size)[0], "pinhole"
    fx, fy, cx, cy = row[:4]
    return Intrinsics(
        size=size,
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortion=row[4 : 4 + coefficients],
        model=name,
    )


def start_unknowns(
    lens: Float,
    model: Int,
    *,
    Rc: Float,
    tc: Float,
    Rb: Float,
    tb: Float,
    board: Float,
    board_of: Int | None = None,
    links: tuple[Float, Float] | None = None,
) -> Unknowns:
    """Put first estimates together; the board stands still and the views are synchronous.

    The world is moved to the middle of the boards: turns about a far origin, with long lenses, would be hard
    to tell from shifts. `to_rig` gives it back to the first camera. `links` are the rotations and
    translations object_from_board of boards that are fixed to each other.
    """
    Ro, to = links if links is not None else (np.zeros((0, 3, 3)), np.zeros((0, 3)))
    frames, views = len(Rb), len(lens)
    middle = np.mean(Rb @ board.mean(axis=0) + tb, axis=0)
    tc, tb = tc + Rc @ middle, tb - middle
    return Unknowns(
        lens=np.array(lens, dtype=np.float64),
        model=np.array(model, dtype=np.int64),
        Rc=np.array(Rc, dtype=np.float64),
        tc=np.array(tc, dtype=np.float64),
        Rb=np.array(Rb, dtype=np.float64),
        tb=np.array(tb, dtype=np.float64),
        board=np.array(board, dtype=np.float64),
        board_of=np.zeros(len(board), dtype=np.int64) if board_of is None else board_of,
        Ro=np.array(Ro, dtype=np.float64),
        to=np.array(to, dtype=np.float64),
        twist=np.zeros((frames, 6)),
        clock_offset=np.zeros(views),
        stamp=np.zeros((frames, views)),
    )
