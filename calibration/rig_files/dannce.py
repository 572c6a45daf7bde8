"""DANNCE and Label3D .mat: MATLAB's row-vector convention (K, r transposed), skew, mm, no image size.

Principal points and 2D labels of these files share MATLAB's pixel grid, in which the first pixel is (1, 1);
both are kept as they are, so that a label and its projection agree.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from calibration.camera import Camera, Intrinsics
from calibration.rig_files.sizes import guessed_size
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit

KEYS = {"K", "r", "t", "RDistort", "TDistort"}


def recognise(content: bytes) -> bool:
    """Tell MATLAB files, whatever is inside, by their header."""
    return content.startswith(b"MATLAB 5.0 MAT-file") or content.startswith(b"MATLAB 7.3 MAT-file")


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig from a Label3D file, or the one camera of a parameter file."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="mm")
    try:
        content = scipy.io.loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        raise ValueError(f"{path}: saved by MATLAB with -v7.3; load and save it there with -v7") from error
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"{path}: not a MATLAB file that can be read: {error}") from error
    if content.keys() >= KEYS:
        name = re.sub(r"_params$", "", path.stem)
        return (_camera(path, name, content, metres),)
    if "params" not in content:
        raise ValueError(
            f"{path}: a MATLAB file without camera parameters (params, or {', '.join(sorted(KEYS))})"
        )
    params = np.atleast_1d(content["params"])
    names = [str(name) for name in np.atleast_1d(content.get("camnames", []))]
    if len(names) != len(params):
        names = [f"Camera{number}" for number in range(1, len(params) + 1)]
    return tuple(_camera(path, name, camera, metres) for name, camera in zip(names, params, strict=True))


def _camera(path: Path, name: str, values: Any, metres: float) -> Camera:
    if not (isinstance(values, dict) and values.keys() >= KEYS):
        raise ValueError(f"{path}: {name} lacks {', '.join(sorted(KEYS - set(values)))}")
    K = np.asarray(values["K"], dtype=np.float64).T
    radial = np.zeros(3)
    given = np.atleast_1d(values["RDistort"]).astype(np.float64)
    radial[: len(given)] = given
    p1, p2 = np.atleast_1d(values["TDistort"]).astype(np.float64)
    intrinsics = Intrinsics(
        size=guessed_size(path, name, K),
        K=K,
        distortion=np.array([radial[0], radial[1], p1, p2, radial[2]]),
        size_known=False,
    )
    rotvec = rotvec_of(np.asarray(values["r"], dtype=np.float64).T)
    return Camera.from_rotvec(name, intrinsics, rotvec, np.ravel(values["t"]).astype(np.float64) * metres)
