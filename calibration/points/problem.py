"""The arrays of a bundle adjustment of cameras and free points, and which unknowns are free."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.camera import Camera, Intrinsics
from calibration.geometry.camera_arrays import CameraArrays, camera_arrays
from calibration.geometry.lens import FISHEYE, LENS_NAMES, fill_coefficients
from calibration.geometry.rotations import stepped_poses
from calibration.points.kernels import CAMERA_UNKNOWNS, POSE
from calibration.rig import Rig

Float = NDArray[np.float64]
Int = NDArray[np.int64]

FREE_LENSES: dict[str, tuple[tuple[int, ...], ...]] = {
    "fixed": (),
    "focal": ((6, 7),),
    "radial": ((6, 7), (10,), (11,)),
    "full": ((6,), (7,), (8,), (9,), (10,), (11,), (12,), (13,), (14,)),
}
"""Free unknowns of a lens: tuples of numbers, in the kernels' order, that move together in proportion."""

FOCAL_SIGMA = 0.2
"""Standard deviation of the focal length around the one given, as a part of it."""

CENTER_SIGMA = 0.02
"""Standard deviation of the principal point around the one given, of the image's longer side."""

COEFFICIENT_SIGMA = (0.2, 0.2, 0.005, 0.005, 0.2)
"""Standard deviation of k1 k2 p1 p2 k3 around those given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """Pixels sorted by point.

    Attributes
    ----------
    start : (points + 1,) int
        Where the observations of each point begin.
    view : (observations,) int
    xy : (observations, 2) float, px
        Without skew.
    point : (observations,) int
    """

    start: Int
    view: Int
    xy: Float
    point: Int

    @classmethod
    def of(cls, xy: Float, rig: Rig) -> "Observations":
        """Sort (points, views, 2) px, of which the points seen once say nothing and are left empty."""
        seen = np.isfinite(xy).all(axis=-1)
        seen &= (seen.sum(axis=1) >= 2)[:, None]
        point, view = np.nonzero(seen)
        straight = xy.copy()
        for index, camera in enumerate(rig.cameras):
            K = camera.intrinsics.K  # the kernels know no skew, so it is taken out of the pixels instead
            straight[:, index, 0] -= K[0, 1] * (straight[:, index, 1] - K[1, 2]) / K[1, 1]
        start = np.concatenate([[0], np.cumsum(seen.sum(axis=1))])
        return cls(start=start, view=view, xy=np.ascontiguousarray(straight[seen]), point=point)

    def select(self, points: Int) -> "Observations":
        """Return the observations of some points, given in rising order."""
        chosen = np.zeros(len(self.start) - 1, dtype=bool)
        chosen[points] = True
        keep = chosen[self.point]
        number = np.cumsum(chosen) - 1
        return Observations(
            start=np.concatenate([[0], np.cumsum(np.diff(self.start)[chosen])]),
            view=self.view[keep],
            xy=np.ascontiguousarray(self.xy[keep]),
            point=number[self.point[keep]],
        )

    def spread_out(self, per_pair: int) -> Int:
        """Choose points, evenly over the recording, such that every pair of views keeps up to `per_pair`."""
        views = int(self.view.max(initial=-1)) + 1
        seen = np.zeros((len(self.start) - 1, views), dtype=bool)
        seen[self.point, self.view] = True
        chosen = np.zeros(len(seen), dtype=bool)
        for a in range(views):
            for b in range(a):
                both = np.flatnonzero(seen[:, a] & seen[:, b])
                chosen[both[np.linspace(0, len(both) - 1, min(per_pair, len(both))).astype(int)]] = True
        return np.flatnonzero(chosen)


def straight_cameras(rig: Rig) -> CameraArrays:
    """Return the cameras of a rig without the skew, which `Observations.of` takes out of the pixels."""
    cameras = camera_arrays(rig.cameras)
    K = cameras.K.copy()
    K[:, 0, 1] = 0.0
    return cameras.with_lenses(K, cameras.k)


def lens_rows(cameras: CameraArrays) -> Float:
    """Return fx fy cx cy and 12 coefficients of every camera, (views, 16), as the unknowns are ordered."""
    return np.concatenate([cameras.K[:, [0, 1, 0, 1], [0, 1, 2, 2]], cameras.k], axis=1)


def moved(cameras: CameraArrays, delta: Float) -> CameraArrays:
    """Return cameras after a step, (views, 22), in the kernels' order."""
    R, t = stepped_poses(cameras.R, cameras.t, delta[:, :POSE])
    stepped = cameras._replace(R=R, t=t)
    if not delta[:, POSE:].any():
        return stepped
    lens, K = lens_rows(cameras) + delta[:, POSE:], cameras.K.copy()
    K[:, [0, 1, 0, 1], [0, 1, 2, 2]] = lens[:, :4]
    return stepped.with_lenses(K, lens[:, 4:])


def rig_of_cameras(rig: Rig, cameras: CameraArrays) -> Rig:
    """Put the numbers back into a rig, whose names, sizes, skews and lens models stay."""
    placed = []
    for view, camera in enumerate(rig.cameras):
        K = cameras.K[view].copy()
        K[0, 1] = camera.intrinsics.K[0, 1]
        before = fill_coefficients(camera.intrinsics.distortion)
        count = len(camera.intrinsics.distortion)
        if (cameras.k[view] != before)[count:].any():
            count = 5
        intrinsics = replace(camera.intrinsics, K=K, distortion=cameras.k[view, :count])
        pose = RigidTransform.from_components(cameras.t[view], Rotation.from_matrix(cameras.R[view]))
        placed.append(Camera(name=camera.name, intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(placed))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Freedom:
    """Which unknowns are free: a linear map from the free ones to all, and their prior.

    Attributes
    ----------
    columns : (n,) int
        Unknowns of a view that are free in any view.
    spread : (views * n, free) float
        d(columns of all views) / d(free).
    precision : (free,) float
        Of the Gaussian prior of the lenses around those given; 0 for poses.
    source, scale : (free,) int, (free,) float
        Where in (views, 16) the value of a free unknown of a lens is read, and by what it is divided; -1 for
        a pose.
    labels : tuple of str
        Names of the free unknowns.
    """

    columns: Int
    spread: Float
    precision: Float
    source: Int
    scale: Float
    labels: tuple[str, ...]

    @classmethod
    def of(cls, rig: Rig, *, lens: str, free: Sequence[str], shared_lens: bool) -> "Freedom":
        """Free the poses of the cameras named in `free`, and their lenses as `lens` says."""
        if lens not in FREE_LENSES:
            raise ValueError(f"lens: expected one of {', '.join(FREE_LENSES)}, got {lens!r}")
        rig.select(free)
        groups = FREE_LENSES[lens]
        columns = np.array([*range(POSE), *(number for group in groups for number in group)], dtype=np.int64)
        place = {int(number): index for index, number in enumerate(columns)}
        start, views = straight_cameras(rig), [rig.names.index(name) for name in free]
        lenses = lens_rows(start)
        unknowns: list[tuple[dict[int, float], float, int, float, str]] = []
        for view in sorted(views):
            for number in range(POSE):
                unknowns.append(
                    ({view * len(columns) + number: 1.0}, 0.0, -1, 1.0, f"{rig.names[view]} pose")
                )
        for group in groups:
            tied: list[list[int]] = [[view] for view in sorted(views)]
            if shared_lens:
                tied = [sorted(views)]
            for together in tied:
                having = [v for v in together if not (start.model[v] == FISHEYE and group[0] >= POSE + 8)]
                if not having:
                    continue
                value = {(v, n): _scale(lenses[v], n) for v in having for n in group}
                step = {v * len(columns) + place[n]: scale for (v, n), scale in value.items()}
                source = having[0] * (CAMERA_UNKNOWNS - POSE) + group[0] - POSE
                sigma = _sigma(group[0], rig.cameras[having[0]].intrinsics)
                name = "+".join(rig.names[v] for v in having)
                label = f"{name} {LENS_NAMES[group[0] - POSE]}"
                unknowns.append((step, sigma**-2, source, value[having[0], group[0]], label))
        spread = np.zeros((len(rig) * len(columns), len(unknowns)))
        for index, unknown in enumerate(unknowns):
            for row, weight in unknown[0].items():
                spread[row, index] = weight
        _, precision, sources, scales, labels = zip(*unknowns, strict=True)
        return cls(
            columns=columns,
            spread=spread,
            precision=np.array(precision),
            source=np.array(sources),
            scale=np.array(scales),
            labels=labels,
        )

    def offset(self, cameras: CameraArrays, given: CameraArrays) -> Float:
        """How far the free unknowns of the lenses have come from those given, (free,); 0 for poses."""
        change = (lens_rows(cameras) - lens_rows(given)).ravel()
        return np.where(self.source >= 0, change[self.source] / self.scale, 0.0)

    def full(self, x: Float, views: int) -> Float:
        """Spread free values to all unknowns, (views, 22)."""
        delta = np.zeros((views, CAMERA_UNKNOWNS))
        delta[:, self.columns] = (self.spread @ x).reshape(views, -1)
        return delta


def _scale(lens: Float, number: int) -> float:
    """Focal lengths move in proportion, the rest as it is."""
    return float(lens[number - POSE]) if number < POSE + 2 else 1.0


def _sigma(number: int, intrinsics: Intrinsics) -> float:
    if number < POSE + 2:
        return FOCAL_SIGMA
    if number < POSE + 4:
        return CENTER_SIGMA * max(intrinsics.size)
    if intrinsics.model == "fisheye":
        return COEFFICIENT_SIGMA[0]
    return COEFFICIENT_SIGMA[number - POSE - 4]
