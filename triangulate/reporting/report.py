"""The page of a trial: a moving skeleton, verdicts in words, and the numbers behind them, in one file."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from calibration.atomic import replacing
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.camera_fit.refined import RefinedCameras
from triangulate.reporting.figures import figure
from triangulate.reporting.numbers import Gap, ViewQuality, bone_quality, gaps, view_quality
from triangulate.reporting.plots import bone_plot, speed_plot, status_plot, view_plot
from triangulate.reporting.verdicts import Verdict, verdicts
from triangulate.smoothing.solve_report import SolveReport
from triangulate.trajectories import Trajectories3D

MOST_GAPS = 12

STYLE = """
:root { color-scheme: light; }
body { font-family: Inter, "Segoe UI", Helvetica, Arial, sans-serif; color: #2d3748; background: #f5f7fa;
  margin: 0; line-height: 1.5; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 8px; }
.facts { color: #6b7688; margin: 0 0 20px; }
section { background: white; border: 1px solid #e3e8ef; border-radius: 10px; padding: 18px 20px;
  margin: 0 0 18px; }
ul.verdicts { list-style: none; margin: 0; padding: 0; }
ul.verdicts li { padding: 5px 0 5px 28px; position: relative; }
ul.verdicts li::before { position: absolute; left: 2px; font-weight: 700; }
ul.verdicts li.good::before { content: "\\2713"; color: #2f9e6e; }
ul.verdicts li.bad::before { content: "!"; color: #e4572e; left: 7px; }
table { border-collapse: collapse; font-size: 14px; } td, th { padding: 3px 18px 3px 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { color: #6b7688; font-weight: 600; }
p.note { color: #6b7688; font-size: 13px; margin: 6px 0 0; }
"""


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
    title : str
    """
    views = [] if rig is None or tracks is None else view_quality(trajectories, rig, tracks)
    sections = [
        _section("In short", _verdict_list(verdicts(trajectories, views, solve, swaps)) + _note_list(notes)),
        _section("Motion", _plot(figure(trajectories, rig), height=620)),
        _section(
            "What is known about each point", _plot(status_plot(trajectories)) + _gap_list(trajectories)
        ),
    ]
    if views:
        sections.append(_section("Agreement of the cameras", _plot(view_plot(views)) + _view_table(views)))
    if cameras is not None:
        sections.append(_section("Refined cameras", _camera_table(cameras)))
    bones = bone_quality(trajectories)
    if bones:
        before = [] if raw is None else bone_quality(raw)
        sections.append(_section("Bone lengths", _plot(bone_plot(bones, before)) + _bone_note(solve)))
    sections.append(_section("Speeds", _plot(speed_plot(trajectories))))
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="facts">{_facts(trajectories)}</p>{"".join(sections)}'
        "</main></body></html>"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


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


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _plot(made: go.Figure, height: int | None = None) -> str:
    if height is not None:
        made.update_layout(height=height)
    return made.to_html(
        full_html=False,
        include_plotlyjs=False,
        auto_play=False,
        config={"displaylogo": False, "responsive": True},
    )


def _note_list(notes: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escape(note[0].upper() + note[1:])}.</p>' for note in notes)


def _verdict_list(said: Sequence[Verdict]) -> str:
    items = (f'<li class="{"good" if one.good else "bad"}">{escape(one.text)}</li>' for one in said)
    return f'<ul class="verdicts">{"".join(items)}</ul>'


def _view_table(views: Sequence[ViewQuality]) -> str:
    return _table(
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


def _camera_table(cameras: RefinedCameras) -> str:
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
    note = (
        f'<p class="note">In {cameras.rounds} rounds{end}; noise of a detection '
        f"{cameras.noise_before:.2f} px before, {cameras.noise_after:.2f} px after. ± is one standard "
        "deviation.</p>"
    )
    return _table(("camera", "moved (mm)", "turned (deg)", "late (ms)"), rows) + note


def _gap_list(trajectories: Trajectories3D) -> str:
    found: list[Gap] = gaps(trajectories)
    if not found:
        return '<p class="note">No gaps.</p>'
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
    note = f'<p class="note">{len(found)} gaps, {total} missing points in all{more}.</p>'
    return note + _table(("gap", "frames", "length"), rows)


def _bone_note(solve: SolveReport | None) -> str:
    if solve is None:
        return ""
    return f'<p class="note">Smoothing: {escape(str(solve))}.</p>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
