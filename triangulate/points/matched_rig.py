"""The cameras of a rig that belong to the views of points, with the images that they were calibrated on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig


def matched(rig: Rig, views: Sequence[str], sizes: NDArray[np.int64] | None = None) -> Rig:
    """Return the cameras of these views, in their order.

    Parameters
    ----------
    rig : Rig
    views : sequence of str
    sizes : (views, 2) int, px, optional
        Of the images that the points were found in.

    Returns
    -------
    rig : Rig

    Raises
    ------
    ValueError
        If a view has no camera (both lists are named), or was calibrated on images of another size.
    """
    missing = [view for view in views if view not in rig.names]
    if missing:
        raise ValueError(
            f"no camera called {', '.join(missing)}: the tracks have the views {', '.join(views)}, "
            f"the rig has the cameras {', '.join(rig.names)}"
        )
    rig = rig.select(views)
    if sizes is not None:
        for camera, size in zip(rig.cameras, sizes.tolist(), strict=True):
            if camera.intrinsics.size_known and camera.intrinsics.size != tuple(size):
                raise ValueError(
                    f"view {camera.name}: points were found in images of {size[0]} x {size[1]} px, and its "
                    f"camera was calibrated on {' x '.join(map(str, camera.intrinsics.size))} px; use "
                    "rig.resized(sizes) where only the resolution differs"
                )
    return rig
