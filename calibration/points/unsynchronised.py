"""Calibrate cameras that are not synchronous from one moving point: a drone, a ball, a light, one's nose."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.camera import Camera
from calibration.errors import CalibrationError
from calibration.geometry.two_views import epipolar_error, essential_matrix, parallax, relative_pose
from calibration.points.moving_point import Clocks, Motion, Track, interpolated
from calibration.points.refining import median_known
from calibration.points.solver import triangulated_points
from calibration.points.spline_bundle import (
    DEGREE,
    PATH_CUTOFF,
    PathProblem,
    PathSightings,
    State,
    adjust_path,
    fitted_spline,
    path_residuals,
)
from calibration.points.time_offsets import FEWEST_MET, chained_offsets
from calibration.rig import Rig
from calibration.start.resection import resected

Float = NDArray[np.float64]

START_PX = 3.0
"""Distance from the epipolar line up to which a point supports a first pose."""

TRACED = 1e-4
"""Noise of triangulated points, as a part of the path's size."""

ROUGHNESS = 0.01
"""Expected third differences of the path's coefficients, as a part of the path's size."""


def calibrate_moving_point(
    tracks: Mapping[str, Track],
    *,
    offsets: ArrayLike | None = None,
    longest_offset: float = 60.0,
    knot_interval: float = 0.25,
) -> tuple[Rig, Motion]:
    """Find the cameras' places, clocks and the path of a point from what each camera saw of it.

    The lenses are given. The world is the first camera, one unit is an arbitrary length (see
    `placed_on_track` and `scaled_to_length`), and time is that of the first camera.

    Parameters
    ----------
    tracks : mapping of name to Track
    offsets : (views,) float, s, optional
        World time of each camera's first frame; searched for where not given.
    longest_offset : float, s
        Largest offset between two cameras that is looked for.
    knot_interval : float, s
        Of the path's cubic spline: the time in which the point may turn.

    Returns
    -------
    rig : Rig
    motion : Motion

    Raises
    ------
    ValueError
        If there are fewer than two tracks or the offsets do not match them.
    CalibrationError
        If cameras see the point together too rarely or always from the same direction.
    """
    names, tracked = tuple(tracks), tuple(tracks.values())
    if len(names) < 2:
        raise ValueError(f"at least two tracks are needed, got {len(names)}")
    if offsets is None:
        offset = chained_offsets(tracked, names, longest=longest_offset, step=min(0.5, 2 * knot_interval))
    else:
        offset = np.array(offsets, dtype=np.float64)
        if offset.shape != (len(names),):
            raise ValueError(f"offsets: expected one of each of the {len(names)} tracks, got {offset.shape}")
    build = _Build(names, tracked, Clocks(offset=offset, rate=np.ones(len(names))), knot_interval)
    build.start()
    while build.waiting():
        build.add()
    return build.finished()


class _Build:
    """A rig that grows camera by camera."""

    def __init__(self, names: tuple[str, ...], tracks: tuple[Track, ...], clocks: Clocks, interval: float):
        self.names, self.tracks = names, tracks
        self.uv = [track.intrinsics.undistort(track.xy) for track in tracks]
        views = np.concatenate([np.full(len(track.seen), view) for view, track in enumerate(tracks)])
        nominal = np.concatenate([track.seen / track.fps for track in tracks])
        xy = np.concatenate([track.xy[track.seen] for track in tracks])
        self.sightings = PathSightings(view=views, nominal=nominal, xy=xy)
        times = clocks.offset[views] + nominal
        margin = 2.0 * interval  # offsets still move
        inner = np.arange(times.min() - margin, times.max() + margin + interval, interval)
        ends = interval * np.arange(1, DEGREE + 1)
        self.knots = np.concatenate([inner[0] - ends[::-1], inner, inner[-1] + ends])
        count = len(names)
        spline = BSpline(self.knots, np.zeros((len(self.knots) - DEGREE - 1, 3)), DEGREE)
        self.state = State(
            R=np.tile(np.eye(3), (count, 1, 1)), t=np.zeros((count, 3)), clocks=clocks, spline=spline
        )
        self.placed: list[int] = []
        self.roughness, self.sigma = 1.0, np.inf

    def waiting(self) -> list[int]:
        """Return the views that have no place yet."""
        return [view for view in range(len(self.names)) if view not in self.placed]

    def start(self) -> None:
        """Place the two cameras that see most points from clearly different directions."""
        best: tuple[float, int, int] = (0.0, 0, 0)
        for a, b in combinations(range(len(self.names)), 2):
            score = self._pair(a, b)[0]
            best = max(best, (score, a, b))
        score, a, b = best
        if not score:
            raise CalibrationError(
                f"no two of {', '.join(self.names)} see the point together {FEWEST_MET} times from different "
                "directions: check the time offsets and lenses, or place the cameras further apart"
            )
        _, b_from_a, times, xyz = self._pair(a, b)
        R, t = self.state.R.copy(), self.state.t.copy()
        R[b], t[b] = b_from_a.rotation.as_matrix(), b_from_a.translation
        size = np.linalg.norm(xyz - np.median(xyz, axis=0), axis=1)
        self.roughness = ROUGHNESS * float(np.median(size))
        spline = fitted_spline(times, xyz, self.knots, ROUGHNESS / TRACED)
        self.state = State(R=R, t=t, clocks=self.state.clocks, spline=spline)
        self.placed = [a, b]
        self._adjust()

    def add(self) -> None:
        """Place the waiting camera that sees most of the known path."""
        path = {view: self._on_path(view) for view in self.waiting()}
        view = max(path, key=lambda view: len(path[view][0]))
        frames, xyz = path[view]
        track = self.tracks[view]
        pose = resected(xyz, self.uv[view][frames], 3 * START_PX / track.intrinsics.K[0, 0])
        if pose is None:
            raise CalibrationError(
                f"{self.names[view]}: {len(frames)} sightings of the known path do not give its place; check "
                "its time offset and lens, or record a motion that it sees together with the others"
            )
        R, t = self.state.R.copy(), self.state.t.copy()
        R[view], t[view] = pose.rotation.as_matrix(), pose.translation
        self.state = State(R=R, t=t, clocks=self.state.clocks, spline=self.state.spline)
        self.placed.append(view)
        for _ in range(1 if self.waiting() else 2):
            self._traced_afresh()
            self._adjust()

    def finished(self) -> tuple[Rig, Motion]:
        """Describe everything in the first camera's place and clock."""
        state, first = self.state, 0
        o, r = state.clocks.offset[first], state.clocks.rate[first]
        clocks = Clocks(offset=(state.clocks.offset - o) / r, rate=state.clocks.rate / r)
        new_from_old = RigidTransform.from_components(state.t[first], Rotation.from_matrix(state.R[first]))
        spline = BSpline((state.spline.t - o) / r, new_from_old.apply(state.spline.c), DEGREE)
        error = np.linalg.norm(path_residuals(self._problem(), state), axis=1)
        motion = Motion(
            names=self.names,
            clocks=clocks,
            spline=spline,
            errors_px=np.empty(0),
            sigma=self.sigma,
            rejected=np.empty(0),
            observed=(self._observed(range(len(self.names))) - o) / r,
        )
        shared = np.isfinite(motion.position((state.times(self.sightings) - o) / r)[:, 0])
        mine = [shared & (self.sightings.view == view) for view in range(len(self.names))]
        motion = replace(
            motion,
            errors_px=np.array([median_known(error[rows]) for rows in mine]),
            rejected=np.array(
                [np.mean(~(error[rows] < PATH_CUTOFF * self.sigma)) if rows.any() else 0.0 for rows in mine]
            ),
        )
        return self._rig(range(len(self.names))).moved(new_from_old), motion

    def _pair(self, a: int, b: int) -> tuple[float, RigidTransform, Float, Float]:
        """Relative pose of a pair, its points and when they were there, with a score."""
        clocks, one, two = self.state.clocks, self.tracks[a], self.tracks[b]
        frames = one.seen
        times = clocks.offset[a] + frames / one.fps
        other = interpolated(two, self.uv[b], (times - clocks.offset[b]) * two.fps)
        both = np.isfinite(other[:, 0]) & np.isfinite(self.uv[a][frames, 0])
        nothing = 0.0, RigidTransform.identity(), np.empty(0), np.empty((0, 3))
        if both.sum() < FEWEST_MET:
            return nothing
        uv_a, uv_b, times = self.uv[a][frames[both]], other[both], times[both]
        threshold = START_PX / float(np.sqrt(one.intrinsics.K[0, 0] * two.intrinsics.K[0, 0]))
        E = essential_matrix(uv_a, uv_b, threshold)
        if E is None:
            return nothing
        good = epipolar_error(E, uv_a, uv_b) < threshold
        b_from_a, xyz = relative_pose(E, uv_a, uv_b)
        good &= np.isfinite(xyz[:, 0])
        if good.sum() < FEWEST_MET:
            return nothing
        angle = float(np.median(parallax(b_from_a, uv_a[good], uv_b[good])))
        score = float(good.sum()) * min(angle, np.radians(20))
        return score, b_from_a, times[good], xyz[good]

    def _on_path(self, view: int) -> tuple[NDArray[np.int64], Float]:
        """Frames of a view in which two placed cameras saw the point, and where it was."""
        track = self.tracks[view]
        frames = track.seen[np.isfinite(self.uv[view][track.seen, 0])]
        times = self.state.clocks.times(view, frames, track.fps)
        observed = self._observed(self.placed)
        if not len(observed):
            return frames[:0], np.empty((0, 3))
        right = np.clip(np.searchsorted(observed, times), 1, len(observed) - 1)
        near = np.minimum(np.abs(times - observed[right - 1]), np.abs(times - observed[right])) < 0.1
        return frames[near], self.state.spline(times[near])

    def _observed(self, views: object) -> Float:
        """Return when two or more of these views saw the point, in steps of a frame of the slowest camera."""
        period = max(1 / track.fps for track in self.tracks)
        steps = []
        for view in views:  # type: ignore[attr-defined]
            track = self.tracks[view]
            times = self.state.clocks.times(view, track.seen, track.fps)
            steps.append(np.unique(np.round(times / period)))
        step, count = np.unique(np.concatenate(steps), return_counts=True)
        return np.asarray(step[count >= 2] * period)

    def _traced_afresh(self) -> None:
        """Triangulate the path from all placed cameras, so that no stretch stays where it was lost."""
        period = max(1 / track.fps for track in self.tracks)
        times = period * np.unique(np.round(self.state.times(self.sightings) / period))
        xy = np.full((len(times), len(self.placed), 2), np.nan)
        for column, view in enumerate(self.placed):
            track, clocks = self.tracks[view], self.state.clocks
            frames = (times - clocks.offset[view]) / clocks.rate[view] * track.fps
            xy[:, column] = interpolated(track, track.xy, frames)
        xyz = triangulated_points(self._rig(self.placed), xy)
        found = np.isfinite(xyz[:, 0])
        size = float(np.median(np.linalg.norm(xyz[found] - np.median(xyz[found], axis=0), axis=1)))
        self.roughness = ROUGHNESS * size
        spline = fitted_spline(times[found], xyz[found], self.knots, ROUGHNESS / TRACED)
        self.state = State(R=self.state.R, t=self.state.t, clocks=self.state.clocks, spline=spline)

    def _rig(self, views: Sequence[int]) -> Rig:
        cameras = []
        for view in views:
            place = RigidTransform.from_components(
                self.state.t[view], Rotation.from_matrix(self.state.R[view])
            )
            lens = self.tracks[view].intrinsics
            cameras.append(Camera(name=self.names[view], intrinsics=lens, cam_from_world=place))
        return Rig(cameras=tuple(cameras))

    def _problem(self) -> PathProblem:
        lenses = [track.intrinsics for track in self.tracks]
        free = np.zeros((len(self.names), 8), dtype=bool)
        free[self.placed[1:]] = True
        second = self.placed[1]
        # The scale: while the largest part of its translation is held, the second camera cannot come nearer.
        free[second, 3 + np.argmax(np.abs(self.state.t[second]))] = False
        return PathProblem.of(self.sightings, lenses, free, self.roughness)

    def _adjust(self) -> None:
        placed = np.isin(self.sightings.view, self.placed)
        some = PathSightings(
            view=self.sightings.view[placed],
            nominal=self.sightings.nominal[placed],
            xy=self.sightings.xy[placed],
        )
        lenses = [track.intrinsics for track in self.tracks]
        problem = PathProblem.of(some, lenses, self._problem().free, self.roughness)
        self.state, self.sigma = adjust_path(problem, self.state)
