"""What the numbers of a trial mean, in plain sentences, with what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from triangulate.reporting.numbers import BoneQuality, ViewQuality, bone_quality, speeds
from triangulate.smoothing.solve_report import SolveReport
from triangulate.trajectories import Status, Trajectories3D

ENOUGH_FOUND = 0.95
MOST_REJECTED = 0.15
VIEW_STANDS_OUT = 2.5
BONE_VARIES = 0.10
SIDES_DIFFER = 0.15
OFTEN_SWAPPED = 0.10
JUMP = 12.0
"""A speed so many times the upper quartile of its keypoint is a jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sentence about a trial.

    Attributes
    ----------
    good : bool
    text : str
    """

    good: bool
    text: str


def verdicts(
    trajectories: Trajectories3D,
    views: Sequence[ViewQuality] = (),
    solve: SolveReport | None = None,
    swaps: Mapping[str, int] | None = None,
    problems: Sequence[str] = (),
) -> list[Verdict]:
    """Judge a trial.

    Parameters
    ----------
    trajectories : Trajectories3D
    views : sequence of ViewQuality
    solve : SolveReport, optional
    swaps : mapping of str to int, optional
        Frames in which left and right were exchanged, by view.
    problems : sequence of str
        What is known to be wrong with rig or views; then nothing is said of cameras that agree.

    Returns
    -------
    verdicts : list of Verdict
        What is wrong comes first.
    """
    wrong = [Verdict(good=False, text=f"{text[0].upper()}{text[1:].rstrip('.')}.") for text in problems]
    said = [
        *wrong,
        *_found(trajectories),
        *(one for one in _views(views) if not (one.good and wrong)),
        *_swaps(swaps or {}, len(trajectories.xyz)),
        *_statuses(trajectories),
        *_bones(bone_quality(trajectories)),
        *_sides(trajectories),
        *_jumps(trajectories),
    ]
    if solve is not None and not solve.converged:
        said.append(
            Verdict(
                good=False, text=f"The smoother stopped after {solve.iterations} iterations, still moving."
            )
        )
    return sorted(said, key=lambda verdict: verdict.good)


def _found(trajectories: Trajectories3D) -> list[Verdict]:
    found = np.isfinite(trajectories.xyz[..., 0])
    if not found.size or not found.any():
        return [Verdict(good=False, text="No point was found in any frame.")]
    share = found.mean()
    if share >= ENOUGH_FOUND:
        return [Verdict(good=True, text=f"{_percent(share)} of all points were found.")]
    by_keypoint = found.mean(axis=(0, 1))
    worst = np.argsort(by_keypoint)[:3]
    names = ", ".join(
        f"{trajectories.skeleton.keypoints[k]} ({_percent(by_keypoint[k])})"
        for k in worst
        if by_keypoint[k] < 0.95
    )
    return [
        Verdict(good=False, text=f"Only {_percent(share)} of all points were found; least often {names}.")
    ]


def _views(views: Sequence[ViewQuality]) -> list[Verdict]:
    said = []
    typical = _usual([view.median for view in views])
    for view in views:
        if view.median > max(VIEW_STANDS_OUT * typical, 0.5):
            said.append(
                Verdict(
                    good=False,
                    text=f"Camera {view.name} disagrees with the others: {view.median:.2f} px median where "
                    f"{typical:.2f} px is usual here. Has it moved since it was calibrated, or is it late?",
                )
            )
        if view.observations and 1 - view.kept > MOST_REJECTED:
            said.append(
                Verdict(
                    good=False,
                    text=f"{_percent(1 - view.kept)} of what camera {view.name} sees was rejected. Look at "
                    "its detections, and at left and right.",
                )
            )
        if not view.observations:
            said.append(Verdict(good=False, text=f"Camera {view.name} contributes nothing."))
    if views and not said:
        said.append(
            Verdict(good=True, text=f"All cameras agree: {typical:.2f} px median reprojection error.")
        )
    return said


def _swaps(swaps: Mapping[str, int], frames: int) -> list[Verdict]:
    if not swaps:
        return []
    where = ", ".join(f"{count} of camera {view}" for view, count in swaps.items())
    return [
        Verdict(
            good=max(swaps.values()) <= OFTEN_SWAPPED * frames,
            text=f"Left and right were exchanged in frames that contradicted the other cameras: {where} "
            f"(of {frames}).",
        )
    ]


def _usual(medians: Sequence[float]) -> float:
    """Return what the better third of the views reaches: with four cameras, two may be wrong."""
    known = sorted(median for median in medians if np.isfinite(median))
    return known[(len(known) - 1) // 3] if known else float("nan")


def _statuses(trajectories: Trajectories3D) -> list[Verdict]:
    total = max(trajectories.status.size, 1)
    said = []
    texts = {
        Status.TWO_VIEWS: "rest on two views only: a wrong detection in one of them would not be noticed.",
        Status.NARROW_BASELINE: "are seen from nearly one direction: their distance is uncertain.",
        Status.OUTSIDE: "use a part of an image on which no lens was fitted: record the board there.",
        Status.NO_CONSENSUS: "were given up because the views disagree.",
        Status.FILLED: "were bridged by the smoother, not observed.",
    }
    for status, text in texts.items():
        share = (trajectories.status == status).sum() / total
        if share > (0.25 if status == Status.TWO_VIEWS else 0.05):
            said.append(Verdict(good=False, text=f"{_percent(share)} of the points {text}"))
    return said


def _bones(bones: Sequence[BoneQuality]) -> list[Verdict]:
    loose = [bone for bone in bones if bone.iqr > BONE_VARIES * bone.median]
    loose.sort(key=lambda bone: -bone.iqr / max(bone.median, 1e-9))
    said = [
        Verdict(
            good=False,
            text=f"The bone {bone.name} changes its length by {_percent(bone.iqr / max(bone.median, 1e-9))} "
            f"(quartiles {1000 * bone.iqr:.0f} mm apart): one of its ends is uncertain.",
        )
        for bone in loose[:3]
    ]
    if bones and not loose:
        widest = max(bones, key=lambda bone: bone.iqr)
        said.append(
            Verdict(
                good=True,
                text=f"Bones keep their lengths: the quartiles are at most {1000 * widest.iqr:.1f} mm apart "
                f"({widest.name}).",
            )
        )
    return said


def _sides(trajectories: Trajectories3D) -> list[Verdict]:
    skeleton = trajectories.skeleton
    mirror = np.asarray(skeleton.mirror)
    bones = {tuple(sorted(bone)): number for number, bone in enumerate(skeleton.bones.tolist())}
    said = []
    for subject, who in enumerate(trajectories.subjects):
        xyz = trajectories.xyz[:, subject]
        ends = xyz[:, skeleton.bones]
        length = np.array(
            [_median(column) for column in np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1).T]
        )
        for bone, number in bones.items():
            other = bones.get(tuple(sorted(mirror[list(bone)].tolist())))
            if other is None or other <= number:
                continue
            ratio = length[number] / length[other]
            if np.isfinite(ratio) and abs(np.log(ratio)) > SIDES_DIFFER:
                a, b = (" – ".join(skeleton.bone_names[which]) for which in (number, other))
                said.append(
                    Verdict(
                        good=False,
                        text=f"{who}: {a} is {1000 * length[number]:.0f} mm long, its counterpart {b} "
                        f"{1000 * length[other]:.0f} mm.",
                    )
                )
    return said[:3]


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")


def _jumps(trajectories: Trajectories3D) -> list[Verdict]:
    speed = speeds(trajectories).reshape(len(trajectories.xyz), trajectories.shape[1] * trajectories.shape[2])
    if not np.isfinite(speed).any():
        return []
    usual = np.array([np.percentile(column[np.isfinite(column)], 75) if np.isfinite(column).any() else np.inf
                      for column in speed.T])  # fmt: skip
    jumping = speed > JUMP * np.maximum(usual, 0.05)
    if not jumping.any():
        return []
    frame, point = np.argwhere(jumping)[0]
    keypoint = trajectories.skeleton.keypoints[point % trajectories.shape[2]]
    return [
        Verdict(
            good=False,
            text=f"{int(jumping.sum())} points jump, the first at frame {frame} ({keypoint}, "
            f"{speed[frame, point]:.1f} m/s).",
        )
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share < 0.995 or share == 1 else f"{100 * share:.1f}%"
