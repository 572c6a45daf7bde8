"""Limits of joint angles as somebody states them: in a call, or in the file of a skeleton."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from calibration.documents import read_toml
from models2d.skeleton import Skeleton, shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class JointLimit:
    """The angle at a joint, 180 degrees where it is stretched out, lies between two others.

    Attributes
    ----------
    joint : str
        Keypoint at which the angle is.
    ends : (str, str)
        Keypoints at the other ends of its two bones.
    low_deg, high_deg : float, deg
    sigma_deg : float, deg
        Standard deviation by which the angle may lie beyond.

    Raises
    ------
    ValueError
        If the angles are not 0 <= low < high <= 180, or the deviation is not positive.
    """

    joint: str
    ends: tuple[str, str]
    low_deg: float = 0.0
    high_deg: float = 180.0
    sigma_deg: float = 3.0

    def __post_init__(self) -> None:
        """Check."""
        if not 0 <= self.low_deg < self.high_deg <= 180:
            raise ValueError(
                f"limits of {self.joint}: expected 0 <= low < high <= 180 degrees, got {self.low_deg:g} and "
                f"{self.high_deg:g}"
            )
        if not (math.isfinite(self.sigma_deg) and self.sigma_deg > 0):
            raise ValueError(f"sigma_deg of {self.joint}: expected a positive number, got {self.sigma_deg:g}")


def read_joint_limits(path: str | Path) -> tuple[JointLimit, ...]:
    """Read the `[[joints]]` tables of a skeleton's file, whose keys are the fields of `JointLimit`.

    Parameters
    ----------
    path : path or str
        As `Skeleton.load` takes it.

    Returns
    -------
    limits : tuple of JointLimit
        Empty where the file has none.

    Raises
    ------
    FileNotFoundError
        If there is no such file or shipped skeleton.
    ValueError
        If the file is no skeleton, or a limit names a keypoint that it has not, lacks a key, has one too many
        or a value that is none: the joint and the value are named.

    Examples
    --------
    >>> read_joint_limits("coco17")
    ()
    """
    skeleton = Skeleton.load(path)
    file = Path(path) if Path(path).suffix else shipped / f"{path}.toml"
    tables = read_toml(file).get("joints", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{file}: joints: expected tables [[joints]], got {tables!r}")
    try:
        return tuple(_limit(table, skeleton) for table in tables)
    except ValueError as error:
        raise ValueError(f"{file}: joints: {error}") from error


def _limit(table: Mapping[str, Any], skeleton: Skeleton) -> JointLimit:
    name = table.get("joint")
    if not isinstance(name, str):
        raise ValueError(f'expected joint = "NAME" in every table, got {dict(table)!r}')
    known = [field.name for field in fields(JointLimit)]
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"{name}: no key called {key!r}; known are {', '.join(known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key.endswith("_deg") and not number:
            raise ValueError(f"{name}: {key}: expected a number of degrees, got {value!r}")
    ends = table.get("ends")
    if not isinstance(ends, list) or len(ends) != 2 or not all(isinstance(end, str) for end in ends):
        raise ValueError(f'{name}: ends: expected two keypoints such as ["hip", "ankle"], got {ends!r}')
    for end in (name, *ends):
        skeleton.index(end)
    if len({name, *ends}) < 3:
        raise ValueError(f"{name}: expected three different keypoints, got it between {' and '.join(ends)}")
    return JointLimit(**{**table, "ends": tuple(ends)})
