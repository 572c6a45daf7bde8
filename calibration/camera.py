"""One camera: its lens (`Intrinsics`) and its place in the world (`Camera`)."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import frozen
from calibration.errors import ShapeError
from calibration.geometry import lens as lens_model
from calibration.geometry.convex_part import in_convex

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Intrinsics:
    """Image size, camera matrix and lens distortion of one camera.

    Attributes
    ----------
    size : (2,) int, px
        Width, height.
    K : (3, 3) float, px
    distortion : (n,) float
        OpenCV's order; 0, 4, 5, 8 or 12 coefficients for "pinhole", 4 for "fisheye".
    model : "pinhole" or "fisheye"
    covered : (n, 2) float, px
        Corners of the convex part of the image on which the lens was fitted; None where that is not known.
    size_known : bool
        False where a file did not store the size and it was guessed.

    Raises
    ------
    ValueError
        For an unknown model, a wrong number of coefficients, a focal length that is not positive, or a value
        that is not finite.
    """

    size: tuple[int, int]
    K: Float
    distortion: Float = field(default_factory=lambda: np.zeros(5))
    model: str = "pinhole"
    covered: Float | None = None
    size_known: bool = True

    def __post_init__(self) -> None:
        """Check and freeze."""
        width, height = (int(length) for length in self.size)
        if width <= 0 or height <= 0:
            raise ValueError(f"size: expected two positive lengths in px, got {self.size}")
        if self.model not in lens_model.COEFFICIENTS:
            raise ValueError(f'model: expected "pinhole" or "fisheye", got {self.model!r}')
        K = frozen(self.K, (3, 3), "K")
        distortion = frozen(self.distortion, ("coefficients",), "distortion")
        allowed = lens_model.COEFFICIENTS[self.model]
        if len(distortion) not in allowed:
            raise ShapeError(
                f"distortion: a {self.model} lens has {' or '.join(map(str, allowed))} coefficients, "
                f"got {len(distortion)}"
            )
        if not (np.isfinite(K).all() and np.isfinite(distortion).all()):
            raise ValueError(f"K and distortion must be finite, got K = {K.tolist()}, {distortion.tolist()}")
        if not np.allclose(K[2], [0, 0, 1]):
            raise ValueError(f"K: the last row must be [0, 0, 1], got {K[2].tolist()}")
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"K: focal lengths must be positive, got {K[0, 0]} and {K[1, 1]}")
        object.__setattr__(self, "size", (width, height))
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "distortion", distortion)
        if self.covered is not None:
            object.__setattr__(self, "covered", frozen(self.covered, ("corners", 2), "covered"))

    @classmethod
    def from_focal(cls, size: tuple[int, int], focal: float, distortion: ArrayLike = (0.0,) * 5) -> Self:
        """Make intrinsics with square pixels and the centre in the middle of the image.

        Parameters
        ----------
        size : (2,) int, px
        focal : float, px
        distortion : (n,) float

        Returns
        -------
        intrinsics : Intrinsics

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).K[0].tolist()
        [800.0, 0.0, 319.5]
        """
        width, height = size
        K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        return cls(size=size, K=K, distortion=np.asarray(distortion, dtype=np.float64))

    def project(self, xyz: ArrayLike) -> Float:
        """Project points in camera coordinates.

        Parameters
        ----------
        xyz : (..., 3) float, m, cam

        Returns
        -------
        xy : (..., 2) float, px
            NaN behind the camera.

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).project([0.0, 0.0, 1.0])
        array([319.5, 239.5])
        """
        return lens_model.project_from_camera(xyz, self.K, self.distortion, self.model)

    def undistort(self, xy: ArrayLike) -> Float:
        """Undistort pixels to normalised coordinates.

        Parameters
        ----------
        xy : (..., 2) float, px

        Returns
        -------
        xy : (..., 2) float, normalised, cam
            NaN where the lens has no inverse.

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).undistort([319.5, 239.5])
        array([0., 0.])
        """
        from calibration.geometry.undistortion import undistort

        return undistort(xy, self.K, self.distortion, self.model)

    def covers(self, xy: ArrayLike) -> NDArray[np.bool_]:
        """Tell which pixels lie inside the image, inside the fitted part and where the lens is invertible.

        Parameters
        ----------
        xy : (..., 2) float, px

        Returns
        -------
        inside : (...) bool
            False for NaN.

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).covers([[5.0, 5.0], [-5.0, 5.0]])
        array([ True, False])
        """
        xy = np.asarray(xy, dtype=np.float64)
        inside = ((xy > -0.5) & (xy < np.array(self.size) - 0.5)).all(axis=-1)
        if self.covered is not None:
            inside = inside & in_convex(xy[..., 0], xy[..., 1], self.covered)
        return np.asarray(inside & np.isfinite(self.undistort(xy)).all(axis=-1))

    def rescaled(self, size: tuple[int, int]) -> "Intrinsics":
        """Return the same lens for recordings of another resolution.

        Parameters
        ----------
        size : (2,) int, px
            Width, height; must keep the aspect ratio to a pixel (a crop is not a change of resolution).

        Returns
        -------
        intrinsics : Intrinsics

        Raises
        ------
        ValueError
            If the image would not have the same aspect ratio, with up to a pixel for rounding.

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).rescaled((320, 240)).K[0, 0]
        np.float64(400.0)
        """
        sx, sy = size[0] / self.size[0], size[1] / self.size[1]
        if min(abs(size[1] - sx * self.size[1]), abs(size[0] - sy * self.size[0])) > 1:
            raise ValueError(
                f"size: intrinsics for {self.size} cannot be rescaled to {tuple(size)}: another aspect ratio "
                "means a crop, which needs a calibration of its own"
            )
        # Pixel centres have integer coordinates, so edges, not centres, scale: u' + 1/2 = s (u + 1/2).
        scale = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
        covered = None if self.covered is None else lens_model.to_pixels(self.covered, scale)
        return replace(self, size=size, K=scale @ self.K, covered=covered)

    def cropped(self, x: float, y: float, size: tuple[int, int]) -> "Intrinsics":
        """Return the same lens for a part of the image.

        Parameters
        ----------
        x, y : float, px
            Where the part's top-left pixel lies in the image; negative where it begins before it, as the
            whole image does from within a part.
        size : (2,) int, px
            Width, height of the part.

        Returns
        -------
        intrinsics : Intrinsics

        Examples
        --------
        >>> Intrinsics.from_focal((640, 480), 800.0).cropped(100, 40, (200, 200)).K[:2, 2].tolist()
        [219.5, 199.5]
        """
        shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
        covered = None if self.covered is None else self.covered - [x, y]
        return replace(self, size=size, K=shift @ self.K, covered=covered)

    def flipped(self) -> "Intrinsics":
        """Return the lens of the image flipped left to right: that of a camera seen in a mirror.

        Returns
        -------
        intrinsics : Intrinsics
            Projects (-x, y, z) to where this one projects (x, y, z), counted from the other side.

        Examples
        --------
        >>> lens = Intrinsics.from_focal((640, 480), 800.0).cropped(100, 40, (200, 200))
        >>> lens.flipped().project([-0.1, 0.0, 1.0]) + lens.project([0.1, 0.0, 1.0]) * [1, 0]
        array([199. , 199.5])
        """
        K = self.K * [[1, -1, -1], [1, 1, 1], [1, 1, 1]] + [[0, 0, self.size[0] - 1], [0, 0, 0], [0, 0, 0]]
        distortion = self.distortion.copy()
        if self.model == "pinhole":
            odd = [i for i in lens_model.ODD if i < len(distortion)]
            distortion[odd] = -distortion[odd]
        covered = self.covered
        if covered is not None:
            covered = covered * [-1, 1] + [self.size[0] - 1, 0]
        return replace(self, K=K, distortion=distortion, covered=covered)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Camera:
    """A named camera in the world.

    Attributes
    ----------
    name : str
    intrinsics : Intrinsics
    cam_from_world : RigidTransform, m
        x_cam = R x_world + t.
    """

    name: str
    intrinsics: Intrinsics
    cam_from_world: RigidTransform = field(default_factory=RigidTransform.identity)

    @classmethod
    def from_rotvec(
        cls, name: str, intrinsics: Intrinsics, rotvec: ArrayLike, translation: ArrayLike
    ) -> Self:
        """Make a camera from a Rodrigues vector and a translation, world to camera.

        Parameters
        ----------
        name : str
        intrinsics : Intrinsics
        rotvec : (3,) float, rad
        translation : (3,) float, m

        Returns
        -------
        camera : Camera
        """
        rotvec = frozen(rotvec, (3,), f"camera {name}: rotation").copy()  # scipy refuses read-only arrays
        translation = frozen(translation, (3,), f"camera {name}: translation").copy()
        cam_from_world = RigidTransform.from_components(translation, Rotation.from_rotvec(rotvec))
        return cls(name=name, intrinsics=intrinsics, cam_from_world=cam_from_world)

    @property
    def R(self) -> Float:
        """Rotation matrix from world to camera, (3, 3)."""
        return self.cam_from_world.rotation.as_matrix()

    @property
    def t(self) -> Float:
        """Translation from world to camera, (3,) m."""
        return self.cam_from_world.translation

    @property
    def rotvec(self) -> Float:
        """Rodrigues vector from world to camera, (3,) rad."""
        return self.cam_from_world.rotation.as_rotvec()

    @property
    def center(self) -> Float:
        """Centre of projection in the world, (3,) m."""
        return -self.R.T @ self.t

    @property
    def P(self) -> Float:
        """Projection matrix [R t] onto normalised coordinates, (3, 4)."""
        return np.column_stack([self.R, self.t])

    def project(self, xyz: ArrayLike) -> Float:
        """Project points of the world.

        Parameters
        ----------
        xyz : (..., 3) float, m, world

        Returns
        -------
        xy : (..., 2) float, px
            NaN behind the camera.
        """
        return self.intrinsics.project(np.asarray(xyz, dtype=np.float64) @ self.R.T + self.t)
