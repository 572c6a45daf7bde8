"""The camera section that the TOML formats have in common, with errors that name file, line and key."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.camera import Camera, Intrinsics
from calibration.toml_files import line_of

Float = NDArray[np.float64]


class CameraTable:
    """One section of a TOML file that knows where it stands."""

    def __init__(self, path: Path, name: str, values: dict[str, Any]):
        self.path, self.name, self.values = path, name, values

    def error(self, key: str, what: str) -> ValueError:
        """Make an error that names file, line, section and key."""
        line = line_of(self.path, self.name, key if key in self.values else None)
        return ValueError(f"{self.path}, line {line}: [{self.name}] {key}: {what}")

    def array(self, key: str, *shapes: tuple[int, ...]) -> Float:
        """Read finite numbers of one of these shapes; -1 stands for any length."""
        if key not in self.values:
            raise self.error(key, "is missing")
        try:
            array = np.array(self.values[key], dtype=np.float64)
        except (TypeError, ValueError):
            raise self.error(key, f"expected numbers, got {self.values[key]!r}") from None
        if not any(_fits(array.shape, shape) for shape in shapes):
            wanted = " or ".join(str(shape).replace("-1", "n") for shape in shapes)
            raise self.error(key, f"expected shape {wanted}, got {array.shape}")
        if not np.isfinite(array).all():
            raise self.error(key, f"must be finite, got {array.tolist()}")
        return array

    def camera(self, metres: float, name: str | None = None) -> Camera:
        """Read the camera: name, size, matrix, distortions, rotation, translation and what is optional."""
        K = self.array("matrix", (3, 3))
        if not np.allclose(K[2], [0, 0, 1]):
            raise self.error("matrix", f"the last row must be [0, 0, 1], got {K[2].tolist()}")
        size = self.array("size", (2,))
        covered = self.array("covered", (-1, 2)) if "covered" in self.values else None
        try:
            intrinsics = Intrinsics(
                size=(int(size[0]), int(size[1])),
                K=K,
                distortion=self.array("distortions", (-1,), (1, -1)).ravel(),
                model="fisheye" if self.values.get("fisheye") else "pinhole",
                covered=covered,
                size_known=self.values.get("size_known") is not False,
            )
        except ValueError as error:
            if str(error).startswith(str(self.path)):
                raise
            key = {"distortion": "distortions", "K": "matrix"}.get(str(error).split(":")[0], "size")
            raise self.error(key, str(error)) from error
        rotation = self.array("rotation", (3,), (3, 3), (3, 1))
        if rotation.shape == (3, 3):
            rotation = rotvec_of(rotation, lambda what: self.error("rotation", what))
        translation = self.array("translation", (3,), (3, 1)).ravel() * metres
        name = str(self.values.get("name", self.name)) if name is None else name
        return Camera.from_rotvec(name, intrinsics, rotation.ravel(), translation)


def rotvec_of(R: Float, error: Any = ValueError) -> Float:
    """Turn a rotation matrix that was written with a few digits into a Rodrigues vector.

    Parameters
    ----------
    R : (3, 3) float
    error : callable
        Makes the exception from a message.

    Returns
    -------
    rotvec : (3,) float, rad

    Raises
    ------
    ValueError
        If the matrix is not a proper rotation.
    """
    if np.abs(R @ R.T - np.eye(3)).max() > 1e-3 or np.linalg.det(R) < 0:
        raise error(f"expected a proper rotation (R R' = 1, det = 1), got {np.asarray(R).tolist()}")
    return np.asarray(Rotation.from_matrix(R).as_rotvec())


def camera_section(camera: Camera, metres: float, name: str | None = None) -> dict[str, Any]:
    """Write a camera as the TOML formats do.

    Parameters
    ----------
    camera : Camera
    metres : float
        Metres per unit of the file.
    name : str, optional
        Instead of the camera's own.

    Returns
    -------
    section : dict
    """
    intrinsics = camera.intrinsics
    return {
        "name": camera.name if name is None else name,
        "size": list(intrinsics.size),
        "matrix": intrinsics.K,
        "distortions": intrinsics.distortion if intrinsics.distortion.size else np.zeros(5),
        "rotation": camera.rotvec,
        "translation": camera.t / metres,
        "fisheye": intrinsics.model == "fisheye",
    }


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts cam_2 before cam_10.

    Parameters
    ----------
    name : str

    Returns
    -------
    key : list

    Examples
    --------
    >>> sorted(["cam_10", "cam_2"], key=natural)
    ['cam_2', 'cam_10']
    """
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _fits(actual: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(actual) == len(wanted) and all(
        want in (-1, have) for have, want in zip(actual, wanted, strict=True)
    )
