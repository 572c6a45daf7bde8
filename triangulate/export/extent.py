"""How much trajectories are of what, which is known before they are."""

from dataclasses import dataclass

from triangulate.trajectories import Trajectories3D


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What decides whether a format can hold trajectories.

    Attributes
    ----------
    frames : int
    subjects : tuple of str
    keypoints : tuple of str
        Empty where they are not known yet.
    """

    frames: int
    subjects: tuple[str, ...]
    keypoints: tuple[str, ...] = ()

    @classmethod
    def of(cls, trajectories: Trajectories3D) -> "Extent":
        """Return the extent of trajectories.

        Parameters
        ----------
        trajectories : Trajectories3D

        Returns
        -------
        extent : Extent
        """
        return cls(
            frames=trajectories.shape[0],
            subjects=trajectories.subjects,
            keypoints=trajectories.skeleton.keypoints,
        )
