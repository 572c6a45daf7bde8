"""How strongly the smoother believes in what: given by the caller or chosen from the data."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.camera_arrays import CameraArrays
from calibration.rig import Rig
from models2d.detections import Tracks2D
from models2d.skeleton import Skeleton
from triangulate.points.noise_level import noise_scale
from triangulate.smoothing.bone_lengths import RIGID, measure_bones, mirrored_mean, rigid_candidates
from triangulate.smoothing.detection_noise import TAILS, Noise, find_noise, time_unit
from triangulate.smoothing.gap_errors import GapErrors
from triangulate.smoothing.inputs import Pixels, RawPoints, along_axes, cut_pixels, raw_points
from triangulate.smoothing.motion_strength import smooth_coordinates, typical_roughness
from triangulate.smoothing.offsets import lasting_offsets
from triangulate.smoothing.stated_limits import JointLimit

Float = NDArray[np.float64]

PIECE = 128
"""Of the recording that strengths are chosen on, in `time_unit`."""

PIECES = 4

FREE = 1e3
"""Roughness over noise at which a prior on motion has no effect left."""


class Strength(NamedTuple):
    """Standard deviations of everything the smoother believes in.

    Attributes
    ----------
    order : int
        2 for a prior on acceleration, 3 on jerk.
    pixel_sigma : (views, keypoints) float, px
        Of a detection of confidence 1; where tracks state covariances, the factor on their roots.
    white_sigma : (views, keypoints) float, px
        The same without the part of the error that lasts.
    motion_sigma : (subjects, keypoints) float, m/s2 or m/s3
        NaN for keypoints that are hardly ever seen.
    bones : (bones, 2) int
        Those of the skeleton, then pairs found to be as rigid.
    bone_lengths : (subjects, bones) float, m
    bone_sigma : (subjects, bones) float, m
        Not finite for bones that are not used.
    corner : (subjects, keypoints) float
        Highest angular frequency, per frame, that the smoother lets through.
    nu : float
        Degrees of freedom of the noise.
    persistence : (keypoints,) float
        Share of the detections' variance that time does not average out, see `detection_noise`.
    correlation : (keypoints, lags) float
        Of the white noise's errors with those 0, 1, 2, ... frames later.
    steady : bool
        Whether the caller fixed the strength of the motion for the whole recording.
    gap_errors : tuple of GapErrors
        Of each subject.
    """

    order: int
    pixel_sigma: Float
    white_sigma: Float
    motion_sigma: Float
    bones: NDArray[np.int64]
    bone_lengths: Float
    bone_sigma: Float
    corner: Float
    nu: float
    persistence: Float
    correlation: Float
    steady: bool
    gap_errors: tuple[GapErrors, ...]

    @property
    def information(self) -> float:
        """Fisher information of the noise relative to what its weights add up to.

        Where no heavy tails were found the noise is taken for normal.
        """
        return (self.nu + 2.0) / (self.nu + 4.0) if self.nu < TAILS[-1] else 1.0

    @property
    def memory(self) -> int:
        """Frames after which influence has fallen below a thousandth.

        The kernel of a smoothing spline of order m decays as exp(-w t sin(pi / 2m)), w the corner.
        """
        known = self.corner[np.isfinite(self.corner)]
        slowest = known.min() if known.size else 1.0
        return int(np.clip(np.ceil(7.0 / (slowest * np.sin(np.pi / (2 * self.order)))), 8, 240))


class Options(NamedTuple):
    """What the caller fixes; None is chosen from the data."""

    order: int = 3
    pixel_sigma: float | None = None
    motion_sigma: ArrayLike | None = None
    bone_sigma: ArrayLike | None = None
    bone_lengths: ArrayLike | None = None
    symmetric: bool = False
    joint_limits: Sequence[JointLimit] = ()
    offsets: bool = True  # remove persistent errors; not while refining cameras, whose errors look alike

    @classmethod
    def given(
        cls, *, jerk_sigma: ArrayLike | None, acceleration_sigma: ArrayLike | None, **others: Any
    ) -> "Options":
        """Take the options of `smooth`.

        Parameters
        ----------
        jerk_sigma, acceleration_sigma : array or None
        **others
            Fields of this class by name.

        Returns
        -------
        options : Options

        Raises
        ------
        ValueError
            If motion has two priors.
        """
        if jerk_sigma is not None and acceleration_sigma is not None:
            raise ValueError("give jerk_sigma or acceleration_sigma, not both: the prior is on one of them")
        if acceleration_sigma is not None:
            return cls(order=2, motion_sigma=acceleration_sigma, **others)
        return cls(order=3, motion_sigma=jerk_sigma, **others)


def choose_strength(tracks: Tracks2D, rig: Rig, views: CameraArrays, options: Options) -> Strength:
    """Choose what is not given.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Its cameras in the order of the tracks' views.
    views : CameraArrays
        The same cameras.
    options : Options

    Returns
    -------
    strength : Strength

    Raises
    ------
    ValueError
        If a given standard deviation is not positive.
    """
    frames, count, subjects, keypoints = tracks.shape
    bones = np.concatenate([tracks.skeleton.bones, rigid_candidates(tracks.skeleton)])
    unit = time_unit(tracks.fps)
    parts = pieces(np.isfinite(tracks.xy[..., 0]).sum(axis=(1, 2, 3)), unit * PIECE)
    plain, whole = np.ones((count, keypoints)), np.arange(keypoints)
    cuts = [
        [cut_pixels(tracks, part, subject, plain, whole) for part in parts] for subject in range(subjects)
    ]
    nothing = Pixels(np.empty((0, keypoints, count, 2)), np.empty((0, keypoints, count, 3)))
    every = [cut for subject in cuts for cut in subject] or [nothing]
    total = white = choose_noise(every, rig, views, options, unit)
    if options.offsets and total.persistence.any():
        cuts = [[without_offsets(cut, total, rig, unit) for cut in subject] for subject in cuts]
        white = choose_noise([cut for subject in cuts for cut in subject], rig, views, options, unit)
    motion, corner = np.full((subjects, keypoints), np.nan), np.full((subjects, keypoints), np.nan)
    lengths, sigma = np.full((subjects, len(bones)), np.nan), np.full((subjects, len(bones)), np.nan)
    group = np.minimum(np.arange(keypoints), np.asarray(tracks.skeleton.mirror))
    gap_errors = [GapErrors(np.zeros(1), np.ones(1))] * subjects
    for subject in range(subjects if frames else 0):
        raws = [along_axes(raw_points(scaled(pixels, white.sigma), rig))[0] for pixels in cuts[subject]]
        motion[subject], corner[subject] = choose_motion(raws, group, tracks.fps, white.correlation, options)
        lengths[subject], sigma[subject] = choose_bones(
            raws,
            bones,
            tracks.skeleton,
            motion[subject] / tracks.fps**options.order,
            options,
        )
        roughness = motion[subject] / tracks.fps**options.order
        gap_errors[subject] = GapErrors.measured(raws, roughness, options.order, unit)
    return Strength(
        order=options.order,
        pixel_sigma=total.sigma,
        white_sigma=white.sigma,
        motion_sigma=motion,
        bones=bones,
        bone_lengths=lengths,
        bone_sigma=sigma,
        corner=corner,
        nu=white.nu,
        persistence=total.persistence if options.offsets else np.zeros(keypoints),
        correlation=white.correlation,
        steady=options.motion_sigma is not None,
        gap_errors=tuple(gap_errors),
    )


def pieces(seen: NDArray[np.int64], length: int = PIECE) -> list[slice]:
    """Choose consecutive frames spread over the recording, the fullest in each part of it."""
    frames = len(seen)
    if frames <= length * PIECES:
        return [slice(0, frames)]
    chosen = []
    for part in range(PIECES):
        begin, end = frames * part // PIECES, frames * (part + 1) // PIECES
        full = np.convolve(seen[begin:end], np.ones(length), mode="valid")
        first = begin + int(np.argmax(full))
        chosen.append(slice(first, first + length))
    return chosen


def without_offsets(pixels: Pixels, noise: Noise, rig: Rig, unit: int) -> Pixels:
    """Take the errors that last off the detections."""
    known = scaled(pixels, noise.sigma)
    offset = lasting_offsets(known, raw_points(known, rig), rig, noise.persistence > 0, unit)
    return Pixels(pixels.xy - offset, pixels.information)


def scaled(pixels: Pixels, noise: Float) -> Pixels:
    """Divide the information by the square of the noise."""
    return Pixels(pixels.xy, pixels.information / noise.T[:, :, None] ** 2)


def choose_noise(cuts: list[Pixels], rig: Rig, views: CameraArrays, options: Options, unit: int) -> Noise:
    """Find each view's and keypoint's noise; a given number stands for all."""
    xy = np.concatenate([cut.xy for cut in cuts])
    information = np.concatenate([cut.information for cut in cuts])
    _, keypoints, count, _ = xy.shape
    plain = np.ones((count, keypoints))
    if options.pixel_sigma is not None:
        scale = positive(options.pixel_sigma, "pixel_sigma")
    else:
        scale = noise_scale(xy.reshape(-1, count, 2), information.reshape(-1, count, 3), rig)
    found = find_noise([scaled(cut, plain * scale) for cut in cuts], rig, views, unit)
    if options.pixel_sigma is not None:
        return found._replace(sigma=plain * scale)
    # An error that lasts is one draw, however many frames it is seen in: it cannot tell views apart.
    alike = options.offsets & (found.persistence > 0)
    return found._replace(sigma=np.where(alike, scale, found.sigma * scale))


def choose_motion(
    raws: list[RawPoints], group: NDArray[np.int64], fps: float, correlation: Float, options: Options
) -> tuple[Float, Float]:
    """Find each keypoint's roughness, and the corner frequency that it makes with the noise."""
    xyz = np.stack([raw.xyz for raw in raws])
    variance = np.diagonal(np.stack([raw.covariance for raw in raws]), axis1=-2, axis2=-1)
    seen = np.asarray(np.isfinite(variance).all(axis=-1))
    if options.motion_sigma is None:
        roughness = typical_roughness(xyz, variance, group, options.order, correlation)
    else:
        given = positive(options.motion_sigma, "jerk_sigma or acceleration_sigma")
        roughness = np.broadcast_to(given, group.shape) / fps**options.order
        roughness = np.where(seen.any(axis=(0, 1)), roughness, np.nan)
    noise = np.full(len(group), np.nan)
    for keypoint in np.flatnonzero(seen.any(axis=(0, 1))):
        noise[keypoint] = np.sqrt(np.median(variance[:, :, keypoint][seen[:, :, keypoint]]))
    if np.isnan(roughness).all():  # too few frames to learn from: believe the frames, hardly smooth
        roughness = 10.0 * noise
    rest = np.isnan(roughness) & ~np.isnan(noise)
    roughness = np.where(rest, np.nanmax(roughness, initial=0.0), roughness)
    roughness = np.minimum(roughness, FREE * noise)  # beyond that the prior does nothing but lose digits
    return roughness * fps**options.order, (roughness / noise) ** (1.0 / options.order)


def choose_bones(
    raws: list[RawPoints],
    bones: NDArray[np.int64],
    skeleton: Skeleton,
    roughness: Float,
    options: Options,
) -> tuple[Float, Float]:
    """Find each bone's length and how constant it is, from points smoothed without bones.

    The first bones are the skeleton's, and what the caller says is about them.
    """
    drawn = len(skeleton.bones)
    xyz, covariance = np.stack([raw.xyz for raw in raws]), np.stack([raw.covariance for raw in raws])
    xyz, covariance, independent = smooth_coordinates(xyz, covariance, roughness, options.order)
    keypoints = xyz.shape[2]
    lengths, sigma = measure_bones(
        xyz.reshape(-1, keypoints, 3), covariance.reshape(-1, keypoints, 3, 3), bones, independent
    )
    if options.symmetric:
        lengths = mirrored_mean(lengths, bones, np.asarray(skeleton.mirror))
    if options.bone_lengths is not None:
        given = np.full(len(bones), np.nan)
        given[:drawn] = options.bone_lengths
        lengths = np.where(np.isfinite(given), given, lengths)
        sigma = np.where(np.isfinite(given) & np.isnan(sigma), 0.01 * given, sigma)
    sigma[drawn:][~(sigma[drawn:] < RIGID * lengths[drawn:])] = np.nan
    if options.bone_sigma is not None:
        sigma[:drawn] = positive(options.bone_sigma, "bone_sigma")
        sigma[drawn:] = np.nan
    return lengths, np.where(np.isfinite(lengths), sigma, np.nan)


def positive(value: ArrayLike, name: str) -> Any:
    """Return a standard deviation, or raise ValueError if it is not positive."""
    array = np.asarray(value, dtype=np.float64)
    if not (array > 0).all():
        raise ValueError(f"{name}: expected positive numbers, got {np.asarray(value).tolist()}")
    return array if array.ndim else float(array)
