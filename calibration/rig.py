"""Several cameras in one world."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform

from calibration import rig_files
from calibration.camera import Camera
from calibration.codec_blocks import is_filled

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Rig:
    """Ordered, named cameras in one world, in metres.

    Attributes
    ----------
    cameras : tuple of Camera

    Raises
    ------
    ValueError
        If there is no camera or a name occurs twice.
    """

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        """Check."""
        cameras = tuple(self.cameras)
        if not cameras:
            raise ValueError("a rig needs at least one camera, got none")
        names = [camera.name for camera in cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"camera names must differ, got {', '.join(twice)} more than once")
        object.__setattr__(self, "cameras", cameras)

    @classmethod
    def load(cls, path: str | Path, *, unit: str | None = None) -> Self:
        """Read a calibration file of any known format, recognised by its content.

        Parameters
        ----------
        path : path
        unit : "m", "cm", "mm" or None
            Length unit of the file. Needed where the format does not store one (anipose); an error names it.

        Returns
        -------
        rig : Rig

        Raises
        ------
        ValueError
            If the format is not known, the unit is missing or a value is malformed (file and key are named).
        """
        return cls(cameras=rig_files.read(path, unit=unit))

    def save(self, path: str | Path, *, format: str = "anipose", unit: str | None = None) -> None:
        """Write a calibration file, by default an anipose-style TOML in metres that says its unit.

        Parameters
        ----------
        path : path
            A folder for "opencv", which is two files.
        format : "anipose", "caliscope", "opencv", "pose2sim"
            The default keeps everything that a rig knows.
        unit : "m", "cm", "mm" or None
            Length unit of the file; None is the usual one of the format.

        Raises
        ------
        ValueError
            If the format is not known or cannot hold the rig's lenses.
        """
        rig_files.write(self.cameras, path, format=format, unit=unit)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cameras in order."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def centers(self) -> Float:
        """Centres of projection, (views, 3) m, world."""
        return np.array([camera.center for camera in self.cameras])

    def __len__(self) -> int:
        """Return the number of cameras."""
        return len(self.cameras)

    def project(self, xyz: ArrayLike) -> Float:
        """Project points into every view.

        Parameters
        ----------
        xyz : (..., 3) float, m, world

        Returns
        -------
        xy : (..., views, 2) float, px
            NaN behind a camera.
        """
        return np.stack([camera.project(xyz) for camera in self.cameras], axis=-2)

    def undistort(self, xy: ArrayLike) -> Float:
        """Undistort pixels of every view to normalised coordinates.

        Parameters
        ----------
        xy : (..., views, 2) float, px

        Returns
        -------
        xy : (..., views, 2) float, normalised, cam
        """
        xy = np.asarray(xy, dtype=np.float64)
        views = [camera.intrinsics.undistort(xy[..., view, :]) for view, camera in enumerate(self.cameras)]
        return np.stack(views, axis=-2)

    def select(self, names: Sequence[str]) -> "Rig":
        """Return the cameras of these names, in the order given.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        rig : Rig

        Raises
        ------
        ValueError
            If a name is not in the rig.
        """
        known = dict(zip(self.names, self.cameras, strict=True))
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"no camera called {', '.join(missing)}: the rig has {', '.join(self.names)}")
        return Rig(cameras=tuple(known[name] for name in names))

    def cropped(self, offsets: ArrayLike, sizes: ArrayLike) -> "Rig":
        """Return the same cameras for parts of their images.

        Parameters
        ----------
        offsets : (views, 2) float, px
            Where the top-left pixel of each part lies in the image.
        sizes : (views, 2) int, px
            Width, height of the parts.

        Returns
        -------
        rig : Rig
        """
        parts = zip(self.cameras, np.asarray(offsets, float), np.asarray(sizes, int), strict=True)
        return Rig(
            cameras=tuple(
                replace(
                    camera,
                    intrinsics=camera.intrinsics.cropped(float(x), float(y), (int(width), int(height))),
                )
                for camera, (x, y), (width, height) in parts
            )
        )

    def resized(self, sizes: ArrayLike, *, filled: bool = False) -> "Rig":
        """Return the same cameras for images of another resolution, as a trial may have.

        Parameters
        ----------
        sizes : (views, 2) int, px
            Width, height of each camera's images. A size that a file did not store is taken from here.
        filled : bool
            Take images that only lack what fills a codec's last blocks of 16 px, as 1080 px are stored in
            1088, for the top left part of those that were calibrated.

        Returns
        -------
        rig : Rig

        Raises
        ------
        ValueError
            If images have another aspect ratio than those that a camera was calibrated on: a part was cut
            out, or the image was turned, and where is not known. Camera and sizes are named.

        Examples
        --------
        >>> from calibration import Intrinsics
        >>> lens = Intrinsics.from_focal((640, 480), 800.0)
        >>> rig = Rig(cameras=(Camera.from_rotvec("left", lens, [0, 0, 0], [0, 0, 0]),))
        >>> rig.resized([[320, 240]]).cameras[0].intrinsics.K[0, 0]
        np.float64(400.0)
        """
        cameras = []
        for camera, (width, height) in zip(self.cameras, np.asarray(sizes, dtype=int).tolist(), strict=True):
            lens = camera.intrinsics
            if not lens.size_known:
                lens = replace(lens, size=(width, height), size_known=True)
            elif filled and is_filled(lens.size, (width, height)):
                lens = lens.cropped(0, 0, (width, height))
            elif lens.size != (width, height):
                try:
                    lens = lens.rescaled((width, height))
                except ValueError as error:
                    raise ValueError(
                        f"camera {camera.name}: images of {width} x {height} px do not fit its "
                        f"calibration on {lens.size[0]} x {lens.size[1]} px: another aspect ratio means that "
                        "a part was cut out or the image was turned; calibrate in the format of the trial"
                    ) from error
            cameras.append(replace(camera, intrinsics=lens))
        return Rig(cameras=tuple(cameras))

    def moved(self, new_from_world: RigidTransform) -> "Rig":
        """Return the same rig described in another world frame.

        Parameters
        ----------
        new_from_world : RigidTransform, m

        Returns
        -------
        rig : Rig
        """
        world_from_new = new_from_world.inv()
        return Rig(
            cameras=tuple(
                replace(camera, cam_from_world=camera.cam_from_world * world_from_new)
                for camera in self.cameras
            )
        )

    def scaled(self, factor: float) -> "Rig":
        """Return the rig with all distances multiplied by a factor.

        Parameters
        ----------
        factor : float

        Returns
        -------
        rig : Rig

        Raises
        ------
        ValueError
            If the factor is not positive and finite.
        """
        if not (np.isfinite(factor) and factor > 0):
            raise ValueError(f"factor: expected a positive number, got {factor}")
        return Rig(
            cameras=tuple(
                replace(
                    camera,
                    cam_from_world=RigidTransform.from_components(
                        camera.t * factor, camera.cam_from_world.rotation
                    ),
                )
                for camera in self.cameras
            )
        )
