"""The page of a trial: a moving skeleton, verdicts in words, and the numbers behind them, in one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from calibration.atomic import replacing
from calibration.pages.building import Section, note, page, plot, table, verdict_list
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.camera_fit.refined import RefinedCameras
from triangulate.reporting.figures import figure
from triangulate.reporting.numbers import Gap, ViewQuality, bone_quality, find_gaps, view_quality
from triangulate.reporting.plots import bone_plot, speed_plot, status_plot, view_plot
from triangulate.reporting.verdicts import verdicts
from triangulate.smoothing.solve_report import SolveReport
from triangulate.trajectories import Trajectories3D

MOST_GAPS = 12


def write_report(
    path: str | Path,
    trajectories: Trajectories3D,
    rig: Rig | None = None,
    *,
    tracks: Tracks2D | None = None,
    raw: Trajectories3D | None = None,
    solve: SolveReport | None = None,
    cameras: RefinedCameras | None = None,
    swaps: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    problems: Sequence[str] = (),
    title: str = "Trial",
) -> None:
    """Write the report of a trial as one HTML file that needs no network.

    Parameters
    ----------
    path : path
    trajectories : Trajectories3D
    rig : Rig, optional
    tracks : Tracks2D, optional
        With the rig, they tell the reprojection error of each view.
    raw : Trajectories3D, optional
        Before smoothing, for comparison.
    solve : SolveReport, optional
        Of the smoother.
    cameras : RefinedCameras, optional
        Where they were refined.
    swaps : mapping of str to int, optional
        Frames in which left and right were exchanged, by view; those without any left out.
    notes : sequence of str
        What was done to the trial that a reader should know, a sentence or clause each.
    problems : sequence of str
        What is wrong with rig or views, a sentence or clause each; they stand first.
    title : str
    """
    views = [] if rig is None or tracks is None else view_quality(trajectories, rig, tracks)
    said = (
        (one.text, "good" if one.good else "bad")
        for one in verdicts(trajectories, views, solve, swaps, problems)
    )
    remarks = (note(f"{text[0].upper()}{text[1:]}.") for text in notes)
    bones = bone_quality(trajectories)
    sections = [
        Section(title="In short", parts=(verdict_list(said), *remarks)),
        Section(title="Motion", parts=(plot(figure(trajectories, rig), height=620),)),
        Section(
            title="What is known about each point",
            parts=(plot(status_plot(trajectories)), *_gap_list(trajectories)),
        ),
        Section(
            title="Agreement of the cameras",
            parts=(plot(view_plot(views)), _view_table(views)) if views else (),
        ),
        Section(title="Refined cameras", parts=() if cameras is None else _camera_table(cameras)),
        Section(
            title="Bone lengths",
            parts=(plot(bone_plot(bones, [] if raw is None else bone_quality(raw))), *_bone_note(solve))
            if bones
            else (),
        ),
        Section(title="Speeds", parts=(plot(speed_plot(trajectories)),)),
    ]
    with replacing(path) as temporary:
        temporary.write_text(page(title, _facts(trajectories), sections), encoding="utf-8")


def _facts(trajectories: Trajectories3D) -> str:
    frames, subjects, keypoints = trajectories.shape
    error = trajectories.error[np.isfinite(trajectories.error)]
    parts = [
        f"{frames} frames, {frames / trajectories.fps:.1f} s at {trajectories.fps:g} Hz",
        f"{len(trajectories.views)} cameras",
        f"{keypoints} keypoints" + (f", {subjects} subjects" if subjects > 1 else ""),
    ]
    if len(error):
        parts.append(f"{np.median(error):.2f} px median reprojection error")
    return " · ".join(parts)


def _view_table(views: Sequence[ViewQuality]) -> Markup:
    return table(
        ("camera", "observations", "kept", "median (px)", "90% below (px)"),
        (
            (
                view.name,
                f"{view.observations}",
                f"{100 * view.kept:.1f}%",
                f"{view.median:.2f}",
                f"{view.p90:.2f}",
            )
            for view in views
        ),
    )


def _camera_table(cameras: RefinedCameras) -> tuple[Markup, ...]:
    sigma = np.sqrt(np.einsum("vivi->vi", cameras.covariance)[:, 3:].sum(axis=1))
    rows = (
        (
            name,
            f"{1e3 * cameras.moved[view]:.1f} ± {1e3 * sigma[view]:.1f}",
            f"{np.rad2deg(cameras.turned[view]):.3f}",
            f"{1e3 * cameras.late[view]:+.2f} ± {1e3 * cameras.late_sigma[view]:.2f}",
        )
        for view, name in enumerate(cameras.rig.names)
    )
    end = "" if cameras.converged else ", which did not converge"
    text = (
        f"In {cameras.rounds} rounds{end}; noise of a detection {cameras.noise_before:.2f} px before, "
        f"{cameras.noise_after:.2f} px after. ± is one standard deviation."
    )
    return table(("camera", "moved (mm)", "turned (deg)", "late (ms)"), rows), note(text)


def _gap_list(trajectories: Trajectories3D) -> tuple[Markup, ...]:
    found: list[Gap] = find_gaps(trajectories)
    if not found:
        return (note("No gaps."),)
    total = sum(gap.frames for gap in found)
    rows = (
        (
            gap.keypoint if len(trajectories.subjects) == 1 else f"{gap.subject}: {gap.keypoint}",
            f"{gap.first} – {gap.last}",
            f"{gap.frames / trajectories.fps:.2f} s",
        )
        for gap in found[:MOST_GAPS]
    )
    more = f", the longest {MOST_GAPS} of them here" if len(found) > MOST_GAPS else ""
    text = f"{len(found)} gaps, {total} missing points in all{more}."
    return note(text), table(("gap", "frames", "length"), rows)


def _bone_note(solve: SolveReport | None) -> tuple[Markup, ...]:
    return () if solve is None else (note(f"Smoothing: {'; '.join(str(solve).splitlines())}."),)
