"""Draw the figure as a camera sees it: shaded capsules, occlusion, motion blur and sensor noise.

A capsule is drawn in the image between the exact projections of its joints (lens distortion included), so the
true pixel of a keypoint is known without error; each pixel keeps the depth of the nearest surface.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.camera import Camera, Intrinsics
from triangulate.synthetic.body import Limbs, figure_limbs, random_poses

Float = NDArray[np.float64]
Image = NDArray[np.uint8]


@njit(cache=True, error_model="numpy", nogil=True)
def _draw_capsules(image, depth, ends, z, radius, focal, colour, light):  # noqa: PLR0917
    height, width = depth.shape
    for limb in range(len(ends)):
        ax, ay, bx, by = ends[limb, 0, 0], ends[limb, 0, 1], ends[limb, 1, 0], ends[limb, 1, 1]
        ra, rb = radius[limb, 0] * focal / z[limb, 0], radius[limb, 1] * focal / z[limb, 1]
        reach = max(ra, rb) + 1.0
        dx, dy = bx - ax, by - ay
        length2 = dx * dx + dy * dy + 1e-12
        left, right = max(0, int(min(ax, bx) - reach)), min(width - 1, int(max(ax, bx) + reach) + 1)
        top, bottom = max(0, int(min(ay, by) - reach)), min(height - 1, int(max(ay, by) + reach) + 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                along = min(max(((column - ax) * dx + (row - ay) * dy) / length2, 0.0), 1.0)
                nx, ny = column - ax - along * dx, row - ay - along * dy
                r = ra + along * (rb - ra)
                away = np.sqrt(nx * nx + ny * ny)
                cover = min(r + 0.5 - away, 1.0)
                if cover <= 0.0:
                    continue
                nx, ny = nx / r, ny / r
                towards = np.sqrt(max(0.0, 1.0 - nx * nx - ny * ny))
                thick = radius[limb, 0] + along * (radius[limb, 1] - radius[limb, 0])
                surface = z[limb, 0] + along * (z[limb, 1] - z[limb, 0]) - thick * towards
                if surface >= depth[row, column]:
                    continue
                lit = max(0.0, nx * light[0] + ny * light[1] - towards * light[2])
                shade = 0.42 + 0.58 * lit
                shine = 60.0 * lit**24
                for channel in range(3):
                    value = min(255.0, colour[limb, channel] * shade + shine)
                    image[row, column, channel] += cover * (value - image[row, column, channel])
                if cover > 0.5:
                    depth[row, column] = surface


def draw_figure(
    background: NDArray[np.float32], camera: Camera, xyz: Float, light: Float, limbs: Limbs
) -> NDArray[np.float32]:
    """Draw one figure over a background.

    Parameters
    ----------
    background : (height, width, 3) float
    camera : Camera
    xyz : (15, 3) float, m, world
    light : (3,) float, cam
        Unit vector of the direction in which light travels, x right, y down, z forward.
    limbs : Limbs

    Returns
    -------
    image : (height, width, 3) float
    """
    cam = xyz @ camera.R.T + camera.t
    xy = camera.intrinsics.project(cam)
    image = background.copy()
    if not np.isfinite(xy).all():
        return image
    order = np.argsort(-cam[limbs.ends, 2].mean(axis=1))  # far to near, so that soft edges blend rightly
    ends = limbs.ends[order]
    K = camera.intrinsics.K
    _draw_capsules(
        image,
        np.full(image.shape[:2], np.inf, dtype=np.float32),
        xy[ends],
        cam[ends, 2],
        limbs.radius[order],
        float(K[0, 0] + K[1, 1]) / 2,
        limbs.colour[order],
        -light,
    )
    return image


def textured_background(
    size: tuple[int, int], rng: np.random.Generator, colourful: float = 0.3
) -> NDArray[np.float32]:
    """Make a cluttered, soft background: coloured noise at several scales and a few bars and discs.

    Parameters
    ----------
    size : (2,) int, px
        Width, height.
    rng : Generator
    colourful : float
        Contrast of colour relative to that of brightness.

    Returns
    -------
    image : (height, width, 3) float
    """
    width, height = size
    small = (max(width // 2, 1), max(height // 2, 1))
    wall = rng.uniform(70, 180) + rng.uniform(-15, 15, size=3)
    image = np.full((small[1], small[0], 3), wall, dtype=np.float32)
    for cells, contrast in ((4, 22.0), (16, 14.0), (64, 8.0)):
        cell = (max(cells * height // width, 2), cells)
        grain = rng.normal(0, contrast, size=(*cell, 1)) + rng.normal(
            0, contrast * colourful, size=(*cell, 3)
        )
        image += cv2.resize(grain.astype(np.float32), small, interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(2, 9))):
        ends = rng.uniform(-0.2, 1.2, size=(2, 2)) * small
        (ax, ay), (bx, by) = ends.astype(int).tolist()
        colour = np.clip(rng.uniform(20, 235) + rng.normal(0, 130 * colourful, size=3), 0, 255).tolist()
        if rng.random() < 0.7:
            cv2.line(image, (ax, ay), (bx, by), colour, int(rng.integers(2, 30)), cv2.LINE_AA)
        else:
            cv2.circle(image, (ax, ay), int(rng.integers(5, 60)), colour, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.5)))
    return np.clip(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), 0, 255).astype(np.float32)


class Sensor:
    """Blur, noise and rounding of a camera; the noise is drawn once and shifted, which is what makes it fast.

    Parameters
    ----------
    size : (2,) int, px
    noise : float
        Standard deviation in grey values.
    blur : float, px
        Standard deviation of the optics' blur.
    rng : Generator
    """

    def __init__(self, size: tuple[int, int], noise: float, blur: float, rng: np.random.Generator) -> None:
        width, height = size
        self.size = size
        self.blur = blur
        self._margin = 64
        shape = (height + self._margin, width + self._margin, 3)
        self._noise = noise * rng.standard_normal(shape, dtype=np.float32)
        self._rng = rng

    def expose(self, radiance: NDArray[Any]) -> Image:
        """Take the picture.

        Parameters
        ----------
        radiance : (height, width, 3) float

        Returns
        -------
        image : (height, width, 3) uint8
        """
        sharp = cv2.GaussianBlur(radiance, (0, 0), self.blur) if self.blur > 0 else radiance
        y, x = self._rng.integers(0, self._margin, size=2)
        noise = self._noise[y : y + self.size[1], x : x + self.size[0]]
        noisy = np.maximum(cv2.add(sharp, noise), 0.0)
        return np.asarray(cv2.convertScaleAbs(noisy), dtype=np.uint8)


def training_views(
    seed: int, size: tuple[int, int] = (800, 600), *, noise: float = 4.0
) -> Iterator[tuple[Image, Float]]:
    """Draw the figure without end: random poses, cameras, lights, backgrounds, blur and noise.

    Parameters
    ----------
    seed : int
    size : (2,) int, px
        Width, height.
    noise : float
        Standard deviation in grey values.

    Yields
    ------
    image : (height, width, 3) uint8
        Blue, green, red.
    xy : (15, 2) float, px
        True pixel of every keypoint, hidden or not; may lie outside the image.

    Examples
    --------
    >>> image, xy = next(training_views(0))
    >>> image.shape, xy.shape
    ((600, 800, 3), (15, 2))
    """
    rng = np.random.default_rng(seed)
    sensors = [Sensor(size, noise * scale, 0.5 * scale, rng) for scale in (0.3, 1.0, 1.7)]
    limbs = figure_limbs()
    while True:
        camera = _random_camera(size, rng)
        xyz = random_poses(1, rng)[0]
        background = textured_background(size, rng, colourful=rng.uniform(0.0, 1.0))
        light = random_light(rng)
        speed = rng.normal(0, 1, size=3) * rng.uniform(0, 0.015)
        toned = _toned(limbs, rng)
        early, late = (draw_figure(background, camera, xyz + s * speed, light, toned) for s in (-0.5, 0.5))
        image = sensors[rng.integers(len(sensors))].expose(cv2.addWeighted(early, 0.5, late, 0.5, 0.0))
        yield image, camera.project(xyz)


def random_light(rng: np.random.Generator) -> Float:
    """Draw a direction of light, from above and in front.

    Parameters
    ----------
    rng : Generator

    Returns
    -------
    light : (3,) float, cam
    """
    light = np.array([rng.uniform(-0.8, 0.8), rng.uniform(0.2, 1.0), rng.uniform(0.2, 1.0)])
    return light / np.linalg.norm(light)


def _toned(limbs: Limbs, rng: np.random.Generator) -> Limbs:
    tone = (
        rng.uniform(0.75, 1.15)
        * rng.uniform(0.92, 1.08, size=3)
        * rng.uniform(0.93, 1.07, limbs.colour.shape)
    )
    return Limbs(ends=limbs.ends, radius=limbs.radius, colour=np.clip(limbs.colour * tone, 0, 255))


def _random_camera(size: tuple[int, int], rng: np.random.Generator) -> Camera:
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.3, 2.4)
    distance = rng.uniform(2.3, 4.0)
    center = np.array([distance * np.cos(azimuth), distance * np.sin(azimuth), height])
    target = np.array([0, 0, 0.6]) + rng.uniform(-0.2, 0.2, size=3)
    focal = size[0] * rng.uniform(1.0, 1.45)
    distortion = np.array([rng.uniform(-0.25, 0.05), rng.uniform(-0.05, 0.08), *rng.normal(0, 5e-4, 2), 0.0])
    lens = Intrinsics.from_focal(size, focal, distortion)
    return looking_at("random", lens, center, target, roll=rng.normal(0, 0.05))


def looking_at(name: str, intrinsics: Intrinsics, center: Float, target: Float, roll: float = 0.0) -> Camera:
    """Place a camera at a point, looking at another, its x axis level but for a roll.

    Parameters
    ----------
    name : str
    intrinsics : Intrinsics
    center, target : (3,) float, m, world
    roll : float, rad

    Returns
    -------
    camera : Camera
    """
    forward = (target - center) / np.linalg.norm(target - center)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    rotation = Rotation.from_euler("z", roll) * Rotation.from_matrix(R)
    transform = RigidTransform.from_components(-rotation.apply(center), rotation)
    return Camera(name=name, intrinsics=intrinsics, cam_from_world=transform)
