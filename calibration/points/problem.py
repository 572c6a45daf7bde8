"""The arrays of a bundle adjustment of cameras and free points, and which unknowns are free."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.camera import Camera, Intrinsics
from calibration.geometry.lens import fill_coefficients
from calibration.points.kernels import PER_VIEW, POSE
from calibration.rig import Rig

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LENSES: dict[str, tuple[tuple[int, ...], ...]] = {
    "fixed": (),
    "focal": ((6, 7),),
    "radial": ((6, 7), (10,), (11,)),
    "full": ((6,), (7,), (8,), (9,), (10,), (11,), (12,), (13,), (14,)),
}
"""Free unknowns of a lens: tuples of numbers, in the kernels' order, that move together in proportion."""

LENS_NAMES = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """The cameras as the kernels take them.

    Attributes
    ----------
    R : (views, 3, 3) float
    t : (views, 3) float, m, cam
    lens : (views, 16) float
        fx fy cx cy and 12 coefficients.
    model : (views,) int
    """

    R: Float
    t: Float
    lens: Float
    model: Int

    @classmethod
    def of(cls, rig: Rig) -> "Views":
        """Take the numbers out of a rig."""
        lens = [
            [
                *camera.intrinsics.K[[0, 1, 0, 1], [0, 1, 2, 2]],
                *fill_coefficients(camera.intrinsics.distortion),
            ]
            for camera in rig.cameras
        ]
        return cls(
            R=np.array([camera.R for camera in rig.cameras]),
            t=np.array([camera.t for camera in rig.cameras]),
            lens=np.array(lens),
            model=np.array([int(camera.intrinsics.model == "fisheye") for camera in rig.cameras]),
        )

    @property
    def center(self) -> Float:
        """Centres, (views, 3) m, world."""
        return -np.einsum("vji,vj->vi", self.R, self.t)

    def moved(self, delta: Float) -> "Views":
        """Return the views after a step, (views, 22), in the kernels' order."""
        turn = Rotation.from_rotvec(delta[:, :3])
        return replace(
            self,
            R=turn.as_matrix() @ self.R,
            t=turn.apply(self.t) + delta[:, 3:6],
            lens=self.lens + delta[:, POSE:],
        )

    def to_rig(self, rig: Rig) -> Rig:
        """Put the numbers back into a rig, whose names, sizes and lens models stay."""
        cameras = []
        for view, camera in enumerate(rig.cameras):
            fx, fy, cx, cy = self.lens[view, :4]
            skew = camera.intrinsics.K[0, 1]
            before = fill_coefficients(camera.intrinsics.distortion)
            count = len(camera.intrinsics.distortion)
            if (self.lens[view, 4:] != before)[count:].any():
                count = 5
            intrinsics = replace(
                camera.intrinsics,
                K=np.array([[fx, skew, cx], [0, fy, cy], [0, 0, 1]]),
                distortion=self.lens[view, 4 : 4 + count],
            )
            cam_from_world = RigidTransform.from_components(self.t[view], Rotation.from_matrix(self.R[view]))
            cameras.append(Camera(name=camera.name, intrinsics=intrinsics, cam_from_world=cam_from_world))
        return Rig(cameras=tuple(cameras))


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
        if lens not in LENSES:
            raise ValueError(f"lens: expected one of {', '.join(LENSES)}, got {lens!r}")
        rig.select(free)
        groups = LENSES[lens]
        columns = np.array([*range(POSE), *(number for group in groups for number in group)], dtype=np.int64)
        place = {int(number): index for index, number in enumerate(columns)}
        start, views = Views.of(rig), [rig.names.index(name) for name in free]
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
                having = [v for v in together if not (start.model[v] and group[0] >= POSE + 8)]
                if not having:
                    continue
                value = {(v, n): _scale(start.lens[v], n) for v in having for n in group}
                step = {v * len(columns) + place[n]: scale for (v, n), scale in value.items()}
                source = having[0] * (PER_VIEW - POSE) + group[0] - POSE
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

    def offset(self, views: "Views", given: "Views") -> Float:
        """How far the free unknowns of the lenses have come from those given, (free,); 0 for poses."""
        moved = (views.lens - given.lens).ravel()
        return np.where(self.source >= 0, moved[self.source] / self.scale, 0.0)

    def full(self, x: Float, views: int) -> Float:
        """Spread free values to all unknowns, (views, 22)."""
        delta = np.zeros((views, PER_VIEW))
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
