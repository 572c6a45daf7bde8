"""What is looked for: named keypoints, the bones between them and their mirror images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.documents import read_toml

shipped = Path(__file__).parent / "skeletons"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Skeleton:
    """Named keypoints of a body.

    Attributes
    ----------
    name : str
    keypoints : tuple of str
    bones : (bones, 2) int
        Pairs of keypoint indices that keep their distance.
    mirror : (keypoints,) int
        Index of each keypoint's left-right counterpart; its own index where it has none.

    Raises
    ------
    ValueError
        If names repeat, an index is out of range or `mirror` is not its own inverse.
    """

    name: str
    keypoints: tuple[str, ...]
    bones: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    mirror: NDArray[np.int64] | None = None  # filled in by __post_init__, never None afterwards

    def __post_init__(self) -> None:
        """Check and freeze."""
        keypoints = tuple(str(keypoint) for keypoint in self.keypoints)
        count = len(keypoints)
        where = f"skeleton {self.name}"
        if count == 0:
            raise ValueError(f"{where}: needs at least one keypoint")
        twice = sorted({keypoint for keypoint in keypoints if keypoints.count(keypoint) > 1})
        if twice:
            raise ValueError(f"{where}: keypoint names must differ, got {', '.join(twice)} more than once")
        given = np.asarray(self.bones, dtype=np.int64).reshape(-1, 2)
        bones = frozen(given, ("bones", 2), f"{where}: bones", np.int64)
        mirror = frozen(
            np.arange(count) if self.mirror is None else self.mirror, (count,), f"{where}: mirror", np.int64
        )
        for label, index in (("bones", bones), ("mirror", mirror)):
            if index.size and (index.min() < 0 or index.max() >= count):
                raise ValueError(f"{where}: {label} must be indices of its {count} keypoints")
        if (mirror[mirror] != np.arange(count)).any():
            raise ValueError(f"{where}: mirror must pair keypoints both ways, got {mirror.tolist()}")
        object.__setattr__(self, "keypoints", keypoints)
        object.__setattr__(self, "bones", bones)
        object.__setattr__(self, "mirror", mirror)

    @classmethod
    def from_names(
        cls,
        name: str,
        keypoints: Sequence[str],
        bones: Sequence[tuple[str, str]] = (),
        mirror: Sequence[tuple[str, str]] | None = None,
    ) -> Self:
        """Make a skeleton from names; counterparts are found by left/right in the names unless given.

        Parameters
        ----------
        name : str
        keypoints : sequence of str
        bones : sequence of (str, str)
        mirror : sequence of (str, str), optional

        Returns
        -------
        skeleton : Skeleton

        Raises
        ------
        ValueError
            If a bone or pair names an unknown keypoint.

        Examples
        --------
        >>> mouse = Skeleton.from_names("mouse", ["nose", "ear_left", "ear_right"], [("nose", "ear_left")])
        >>> mouse.mirror.tolist()
        [0, 2, 1]
        """
        keypoints = [str(keypoint) for keypoint in keypoints]
        index = {keypoint: number for number, keypoint in enumerate(keypoints)}
        pairs = counterparts(keypoints) if mirror is None else mirror
        unknown = sorted({end for pair in (*bones, *pairs) for end in pair if end not in index})
        if unknown:
            raise ValueError(
                f"skeleton {name}: no keypoint called {', '.join(unknown)}; it has {', '.join(keypoints)}"
            )
        flip = np.arange(len(keypoints))
        for left, right in pairs:
            flip[index[left]], flip[index[right]] = index[right], index[left]
        links = np.array([(index[a], index[b]) for a, b in bones], dtype=np.int64).reshape(-1, 2)
        return cls(name=name, keypoints=tuple(keypoints), bones=links, mirror=flip)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a skeleton TOML, or one of the shipped skeletons by its name.

        Parameters
        ----------
        path : path or str
            A file with `name`, `keypoints`, `bones` and optionally `mirror` (pairs of names), or a name such
            as "coco17". Limits of its joints, `[[joints]]`, are read by `triangulate.read_joint_limits`.

        Returns
        -------
        skeleton : Skeleton

        Raises
        ------
        FileNotFoundError
            If there is no such file or shipped skeleton; the shipped ones are listed.
        ValueError
            If the file is malformed.

        Examples
        --------
        >>> len(Skeleton.load("coco17").keypoints)
        17
        """
        file = Path(path)
        if not file.suffix:
            file = shipped / f"{path}.toml"
        if not file.is_file():
            known = ", ".join(sorted(toml.stem for toml in shipped.glob("*.toml")))
            raise FileNotFoundError(f"no skeleton {str(path)!r}; shipped are {known}; or give a .toml file")
        try:
            table = read_toml(file)
            return cls.from_names(
                table.get("name", file.stem),
                table["keypoints"],
                [(a, b) for a, b in table.get("bones", [])],
                None if "mirror" not in table else [(a, b) for a, b in table["mirror"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file}: not a skeleton: {error}") from error

    @property
    def bone_names(self) -> list[tuple[str, str]]:
        """The bones as pairs of keypoint names."""
        return [(self.keypoints[a], self.keypoints[b]) for a, b in self.bones]

    def index(self, keypoint: str) -> int:
        """Return the index of a keypoint.

        Parameters
        ----------
        keypoint : str

        Returns
        -------
        index : int

        Raises
        ------
        ValueError
            If it is not in the skeleton.
        """
        if keypoint not in self.keypoints:
            raise ValueError(f"no keypoint called {keypoint!r}: {self.name} has {', '.join(self.keypoints)}")
        return self.keypoints.index(keypoint)


def counterparts(keypoints: Sequence[str]) -> list[tuple[str, str]]:
    """Find left-right pairs by name: left/right, l/r as a word, or a leading L/R before a capital.

    Parameters
    ----------
    keypoints : sequence of str

    Returns
    -------
    pairs : list of (str, str)

    Examples
    --------
    >>> counterparts(["nose", "LEye", "REye", "hand_l", "hand_r", "ear"])
    [('LEye', 'REye'), ('hand_l', 'hand_r')]
    """
    swaps = [("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT")]
    pairs = []
    for name in keypoints:
        candidates = [name.replace(a, b) for a, b in swaps if a in name]
        for a, b in (("l", "r"), ("L", "R")):
            for gap in "_- .":
                if name.endswith(gap + a):
                    candidates.append(name[:-1] + b)
                if name.startswith(a + gap):
                    candidates.append(b + name[1:])
        if len(name) > 1 and name[0] == "L" and name[1].isupper():
            candidates.append("R" + name[1:])
        pairs += [(name, other) for other in candidates[:1] if other in keypoints and other != name]
    return pairs
