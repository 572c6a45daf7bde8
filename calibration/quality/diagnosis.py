"""What is wrong with a calibration file, as far as the numbers in it can tell."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.rig import Rig

Float = NDArray[np.float64]

SHORTEST_FOCAL = 0.2
"""Of the longer side of the image; a fisheye that sees half the world has 0.3."""

LONGEST_FOCAL = 300.0
"""Of the longer side of the image; microscopes and telephoto lenses on insects reach 100."""

FARTHEST_APART = 100.0
"""Cameras farther apart, m, are more likely in millimetres."""

NEAREST_APART = 0.01
"""Cameras nearer to each other, m, are more likely in another unit."""

LOST_DISTORTION = 1.0
"""Distortion that moves nothing in the image by more than this, px, seems to have lost a factor."""


def diagnose_rig(rig: Rig) -> tuple[str, ...]:
    """List what cannot be right about a rig.

    Parameters
    ----------
    rig : Rig

    Returns
    -------
    problems : tuple of str
        Empty where nothing looks wrong.

    Examples
    --------
    >>> from calibration import Camera, Intrinsics, Rig
    >>> lens = Intrinsics.from_focal((640, 480), 800.0)
    >>> one = Camera.from_rotvec("one", lens, [0, 0, 0], [0, 0, 0])
    >>> other = Camera.from_rotvec("other", lens, [0, 1, 0], [0, 0, 0])
    >>> (problem,) = diagnose_rig(Rig(cameras=(one, other)))
    >>> problem.split(",")[0]
    'cameras one and other stand at the same place'
    """
    problems = [*_pairs(rig), *_extent(rig)]
    for camera in rig.cameras:
        problems += _lens(camera)
    return (*problems, *_lost_distortion(rig))


def _pairs(rig: Rig) -> Iterator[str]:
    reach = np.ptp(rig.centers, axis=0).max()
    for one, other in combinations(rig.cameras, 2):
        same_lens = np.array_equal(one.intrinsics.K, other.intrinsics.K) and np.array_equal(
            one.intrinsics.distortion, other.intrinsics.distortion
        )
        same_place = np.linalg.norm(one.center - other.center) <= 1e-6 * max(reach, 1e-9)
        if same_lens and same_place and np.allclose(one.R, other.R, rtol=0, atol=1e-9):
            yield (
                f"cameras {one.name} and {other.name} have identical parameters: one was copied over the "
                "other; calibrate again"
            )
        elif same_place:
            yield (
                f"cameras {one.name} and {other.name} stand at the same place, from which nothing can be "
                "triangulated: a place was copied or never estimated; calibrate again"
            )


def _extent(rig: Rig) -> Iterator[str]:
    if len(rig) < 2:
        return
    apart = [np.linalg.norm(one.center - other.center) for one, other in combinations(rig.cameras, 2)]
    farthest = float(max(apart))
    if farthest > FARTHEST_APART:
        yield (
            f"cameras are up to {farthest:.4g} m apart: the file's lengths are probably in another unit; in "
            f'mm they are {farthest / 1000:.3g} m apart (load it with unit="mm")'
        )
    elif 0 < farthest < NEAREST_APART:
        yield (
            f"all cameras are within {farthest:.2g} m: the file's lengths are probably in another unit than "
            "metres, or its scale was never set"
        )


def _lens(camera: Camera) -> Iterator[str]:
    lens = camera.intrinsics
    side = max(lens.size)
    fx, fy = lens.K[0, 0], lens.K[1, 1]
    if not SHORTEST_FOCAL * side < fx < LONGEST_FOCAL * side:
        yield (
            f"camera {camera.name}: a focal length of {fx:.4g} px is absurd for an image {side} px wide or "
            "high; it should be given in pixels of this image size"
        )
    if not 0.67 < fx / fy < 1.5:
        yield f"camera {camera.name}: focal lengths {fx:.4g} and {fy:.4g} px differ as no camera's do"
    center = lens.K[:2, 2]
    if not ((center > 0) & (center < lens.size)).all():
        yield (
            f"camera {camera.name}: its optical axis meets the image at ({center[0]:.4g}, {center[1]:.4g}) "
            f"px, outside its {lens.size[0]} x {lens.size[1]} px; the size or the axes may be swapped"
        )
    share = _without_inverse(camera)
    if share > 0.01:
        yield (
            f"camera {camera.name}: its lens model folds back on {share:.0%} of the image, where no ray "
            "can be found; it was fitted on the middle only; record the board up to its edges"
        )


def _grid(camera: Camera) -> Float:
    width, height = camera.intrinsics.size
    x, y = np.meshgrid(np.linspace(0, width - 1, 33), np.linspace(0, height - 1, 33))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _without_inverse(camera: Camera) -> float:
    found = np.isfinite(camera.intrinsics.undistort(_grid(camera))).all(axis=1)
    return float(1 - found.mean())


def _lost_distortion(rig: Rig) -> Iterator[str]:
    """Find coefficients that are there and do nothing (Qualisys files read with a factor of 64)."""
    moved = []
    for camera in rig.cameras:
        lens = camera.intrinsics
        if lens.model != "pinhole" or not lens.distortion.any():
            return
        grid = _grid(camera)
        straight = (grid - lens.K[:2, 2]) / [lens.K[0, 0], lens.K[1, 1]]
        off = lens.project(np.append(straight, np.ones((len(grid), 1)), axis=1)) - grid
        moved.append(float(np.nanmax(np.linalg.norm(off, axis=1))))
    if max(moved) < LOST_DISTORTION:
        yield (
            f"the lens distortion of every camera moves the image by at most {max(moved):.2f} px: "
            "coefficients are given, but a factor seems to have been lost (Qualisys stores focal lengths "
            "in 1/64 px; its distortion must not be divided); calibrate the lenses again or convert anew"
        )
