"""The only door to aniposelib: rigs to and from its camera groups, and its calibrator as a reference method.

Importing this module imports aniposelib, which takes a second and brings numba and jax.
"""

import contextlib
import io
from typing import Any

import aniposelib.boards
import aniposelib.cameras
import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera, Intrinsics
from calibration.corners.observations import BoardObservations
from calibration.errors import CalibrationError
from calibration.rig import Rig
from calibration.rig_files.units import metres_per

Float = NDArray[np.float64]

FEWEST_CORNERS = 8
"""Corners of a board view that aniposelib's calibrator uses at least."""


def to_camera_group(rig: Rig, *, unit: str = "m") -> aniposelib.cameras.CameraGroup:
    """Make aniposelib's camera group.

    Parameters
    ----------
    rig : Rig
    unit : "m", "cm" or "mm"
        Length unit of the group.

    Returns
    -------
    group : aniposelib.cameras.CameraGroup
    """
    metres = metres_per(unit)
    cameras = []
    for camera in rig.cameras:
        lens = camera.intrinsics
        kind = aniposelib.cameras.FisheyeCamera if lens.model == "fisheye" else aniposelib.cameras.Camera
        cameras.append(
            kind(
                matrix=np.array(lens.K),
                dist=np.array(lens.distortion) if lens.distortion.size else np.zeros(5),
                size=list(lens.size),
                rvec=camera.rotvec,
                tvec=camera.t / metres,
                name=camera.name,
            )
        )
    return aniposelib.cameras.CameraGroup(cameras, metadata={"unit": unit})


def from_camera_group(group: aniposelib.cameras.CameraGroup, *, unit: str) -> Rig:
    """Make a rig of aniposelib's camera group.

    Parameters
    ----------
    group : aniposelib.cameras.CameraGroup
    unit : "m", "cm" or "mm"
        Length unit of the group, which is that of the board it was calibrated with.

    Returns
    -------
    rig : Rig

    Raises
    ------
    ValueError
        If a camera has no image size.
    """
    metres = metres_per(unit)
    cameras = []
    for number, camera in enumerate(group.cameras):
        name, size = str(camera.get_name() or f"cam_{number}"), camera.get_size()
        if size is None:
            raise ValueError(f"camera {name} has no image size: call its set_size((width, height)) first")
        intrinsics = Intrinsics(
            size=(int(size[0]), int(size[1])),
            K=np.asarray(camera.get_camera_matrix(), dtype=np.float64),
            distortion=np.ravel(np.asarray(camera.get_distortions(), dtype=np.float64)),
            model="fisheye" if isinstance(camera, aniposelib.cameras.FisheyeCamera) else "pinhole",
        )
        rotvec, translation = np.ravel(camera.get_rotation()), np.ravel(camera.get_translation())
        cameras.append(Camera.from_rotvec(name, intrinsics, rotvec, translation * metres))
    return Rig(cameras=tuple(cameras))


def calibrate_by_aniposelib(observations: BoardObservations, *, seed: int = 0) -> tuple[Rig, float]:
    """Calibrate with aniposelib, as a reference: one focal length and k1 per camera, the centre fixed.

    Parameters
    ----------
    observations : BoardObservations
    seed : int
        aniposelib draws points at random; its generator is seeded, and put back afterwards.

    Returns
    -------
    rig : Rig
    error : float, px
        Median reprojection error that aniposelib reports.

    Raises
    ------
    CalibrationError
        If aniposelib fails, with its own message.
    """
    group = aniposelib.cameras.CameraGroup.from_names(list(observations.names))
    for camera, size in zip(group.cameras, observations.sizes, strict=True):
        camera.set_size([int(size[0]), int(size[1])])
    board = _Board(1000 * observations.board.corners)
    rows = [board.rows(observations, view) for view in range(len(observations.names))]
    state = np.random.get_state()  # noqa: NPY002  (aniposelib draws from numpy's global generator)
    np.random.seed(seed)  # noqa: NPY002
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            error = group.calibrate_rows(rows, board, verbose=False)
    except (AssertionError, IndexError, KeyError, TypeError, ValueError, cv2.error) as failure:
        raise CalibrationError(f"aniposelib cannot calibrate these observations: {failure!r}") from failure
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return from_camera_group(group, unit="mm"), float(error)


class _Board(aniposelib.boards.CalibrationObject):
    """A board of ours as aniposelib wants it: corners in mm and nothing to detect."""

    def __init__(self, corners: Float):
        self.corners = corners

    def rows(self, observations: BoardObservations, view: int) -> list[dict[str, object]]:
        """Return what aniposelib's detector would have found in one view."""
        rows = []
        for frame, xy in enumerate(observations.xy[:, view]):
            ids = np.flatnonzero(np.isfinite(xy[:, 0]))
            if len(ids) >= FEWEST_CORNERS:
                corners = xy[ids].astype(np.float32)[:, None]
                rows.append(
                    {"framenum": (0, frame), "corners": corners, "ids": ids[:, None].astype(np.int32)}
                )
        return self.fill_points_rows(rows)

    def get_object_points(self) -> Float:
        """Corners, (corners, 3) mm."""
        return self.corners

    def get_empty_detection(self) -> Float:
        """All corners missing, (corners, 1, 2) px."""
        return np.full((len(self.corners), 1, 2), np.nan)

    def fill_points(self, corners: Float | None, ids: NDArray[np.int32] | None) -> Float:
        """Spread the found corners over all, (corners, 1, 2) px."""
        filled = self.get_empty_detection()
        if corners is not None and ids is not None:
            filled[np.ravel(ids)] = np.reshape(corners, (-1, 1, 2))
        return filled

    def estimate_pose_points(
        self, camera: object, corners: Float | None, ids: NDArray[np.int32] | None
    ) -> tuple[Any, Any]:
        """Pose of the board by solvePnP, as aniposelib's Charuco board does it."""
        if corners is None or ids is None or len(ids) < FEWEST_CORNERS - 1:
            return None, None
        K, distortion = camera.get_camera_matrix(), camera.get_distortions()  # type: ignore[attr-defined]
        found, rotvec, translation = cv2.solvePnP(
            self.corners[np.ravel(ids)], np.reshape(corners, (-1, 2)), K, distortion
        )
        return (rotvec, translation) if found else (None, None)

    def draw(self, size: object) -> None:  # noqa: ARG002 - aniposelib's interface
        """Refuse: aniposelib never draws while it calibrates."""
        raise TypeError("this board is only for calibrating; print boards with calibration.Board")

    def detect_image(self, image: object) -> None:  # noqa: ARG002
        """Refuse: the corners are given."""
        raise TypeError("this board is only for calibrating; find corners with calibration.find_corners")

    def manually_verify_board_detection(self, image: object, corners: object) -> None:  # noqa: ARG002
        """Refuse: nothing is asked."""
        raise TypeError("nothing is verified by hand here")
