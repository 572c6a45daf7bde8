"""NWB with ndx-pose: one subject per file, one 3D series per keypoint. Needs `triangulate[nwb]`."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from calibration.atomic import replacing
from triangulate.export.extent import Extent
from triangulate.trajectories import Trajectories3D

EXTRA = ("pynwb", "ndx_pose")
EXTRA_HINT = 'writing NWB needs two more packages: pip install "triangulate[nwb]"'

MOST_KEYPOINTS = 256
"""Bones are pairs of 8-bit numbers of keypoints."""


def limit(extent: Extent) -> str | None:
    """Say what an NWB file cannot hold.

    Parameters
    ----------
    extent : Extent

    Returns
    -------
    reason : str or None
    """
    if len(extent.subjects) != 1:
        return (
            f"NWB holds one subject per file, got {', '.join(extent.subjects)}; write each of them to a "
            "file of its own"
        )
    if len(extent.keypoints) > MOST_KEYPOINTS:
        return f"a skeleton in NWB has at most {MOST_KEYPOINTS} keypoints, got {len(extent.keypoints)}"
    bad = [name for name in extent.keypoints if "/" in name or ":" in name or name in ("", ".")]
    if bad:
        return f"names in NWB hold neither / nor :, got {', '.join(map(repr, bad))}"
    return None


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write an NWB file, in metres.

    Parameters
    ----------
    trajectories : Trajectories3D
        One subject: NWB has one per file.
    path : path

    Raises
    ------
    ImportError
        If pynwb or ndx-pose is not installed.
    """
    try:
        from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons
        from pynwb import NWBHDF5IO, NWBFile
        from pynwb.file import Subject
    except ImportError as error:
        raise ImportError(EXTRA_HINT) from error
    file = NWBFile(
        session_description="3D pose by triangulation of several cameras",
        identifier=str(uuid4()),
        session_start_time=datetime.now(UTC),
    )
    file.subject = subject = Subject(subject_id=trajectories.subjects[0], species="unknown")
    skeleton = Skeleton(
        name=trajectories.skeleton.name,
        nodes=list(trajectories.skeleton.keypoints),
        edges=trajectories.skeleton.bones.astype(np.uint8),
        subject=subject,
    )
    series = [
        PoseEstimationSeries(
            name=keypoint,
            data=trajectories.xyz[:, 0, number],
            unit="meters",
            reference_frame="world, Z up",
            rate=trajectories.fps,
            starting_time=trajectories.start,
            confidence=trajectories.inliers[:, :, 0, number].mean(axis=1),
            confidence_definition="share of the views that the point rests on",
        )
        for number, keypoint in enumerate(trajectories.skeleton.keypoints)
    ]
    behavior = file.create_processing_module(name="behavior", description="3D pose")
    behavior.add(Skeletons(skeletons=[skeleton]))
    behavior.add(
        PoseEstimation(
            pose_estimation_series=series,
            description="Triangulated keypoints",
            source_software="triangulate",
            skeleton=skeleton,
        )
    )
    with replacing(path) as temporary, NWBHDF5IO(str(temporary), "w") as io:
        io.write(file)
