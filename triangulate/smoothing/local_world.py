"""The smoother's own world, whose origin is where the cameras look.

The cost of roughness is a product of positions with differences of positions. With the origin 100 km away, as
in UTM coordinates, rounding in that product is larger than what the views say.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from calibration.geometry.camera_arrays import looked_at
from calibration.rig import Rig
from triangulate.trajectories import Trajectories3D


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LocalWorld:
    """The axes of the world, with another origin.

    Attributes
    ----------
    origin : (3,) float, m, world
    """

    origin: NDArray[np.float64]

    @classmethod
    def of(cls, rig: Rig) -> Self:
        """Put the origin where the cameras of a rig look.

        Parameters
        ----------
        rig : Rig

        Returns
        -------
        local : LocalWorld
        """
        R, t = (np.array([getattr(camera, name) for camera in rig.cameras]) for name in ("R", "t"))
        return cls(origin=looked_at(R, t))

    def rig(self, rig: Rig, *, back: bool = False) -> Rig:
        """Return a rig of the world in this one, or back.

        Parameters
        ----------
        rig : Rig
        back : bool

        Returns
        -------
        rig : Rig
        """
        return rig.moved(RigidTransform.from_translation(self.origin if back else -self.origin))

    def points(self, trajectories: Trajectories3D, *, back: bool = False) -> Trajectories3D:
        """Return trajectories of the world in this one, or back.

        Parameters
        ----------
        trajectories : Trajectories3D
        back : bool

        Returns
        -------
        trajectories : Trajectories3D
        """
        xyz = trajectories.xyz
        return replace(trajectories, xyz=xyz + self.origin if back else xyz - self.origin)
