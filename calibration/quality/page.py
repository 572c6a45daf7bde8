"""The report of a calibration as one page that needs no network."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from calibration.quality.error_figure import error_slices
from calibration.quality.facts import CalibrationFacts
from calibration.quality.figures import board_map, image_maps, pair_table, rig_in_space
from calibration.rig import Rig
from calibration.world.levelling import levelled

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 1180px }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse } td, th { padding: .25rem .6rem; text-align: right; white-space: nowrap }
td, th { border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left } th { font-weight: 600 }
table.wide { font-size: .85rem }
ul.verdicts li { margin: .3rem 0 } .big { font-size: 1.05rem } p.note { color: #666 }
"""


SHAPES = {"warp": "bent, by two numbers", "free": "an offset of each corner"}


def page(facts: CalibrationFacts, said: Sequence[str], placed: Rig | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    facts : CalibrationFacts
    said : sequence of str
        Verdicts.
    placed : Rig, optional
        The rig in the world that figures show; levelled unless given.

    Returns
    -------
    html : str
    """
    sections = [
        ("What to know", _verdicts(said)),
        ("Cameras", _camera_table(facts)),
        ("Board views left out of the fit", _held_out_table(facts)),
        *(_between_cameras(facts) if len(facts.names) > 1 else []),
        (
            "Residuals and coverage",
            _drawn(
                image_maps(facts),
                "Blue: residuals, enlarged; they should point everywhere alike. Green: the part of the image "
                "that the fit covered. Red crosses: corners that contradict the fit.",
            ),
        ),
        *(_in_space(facts, placed) if np.isfinite(facts.volume.calibration).any() else []),
        ("The board as printed", _board(facts)),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections if content)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Calibration</title>"
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><h1>Calibration of "
        f"{len(facts.names)} camera{'s' if len(facts.names) != 1 else ''}</h1>"
        f"{_headline(facts)}{body}</body></html>"
    )


def _between_cameras(facts: CalibrationFacts) -> list[tuple[str, str]]:
    note = "Weak rows and columns are cameras to record more for."
    return [("Frames in which two cameras see the board", _drawn(pair_table(facts), note))]


def _in_space(facts: CalibrationFacts, placed: Rig | None) -> list[tuple[str, str]]:
    axes = "levelled by the cameras' own upright" if placed is None else "those of the saved calibration"
    return [
        (
            "The rig and the expected error",
            _drawn(
                rig_in_space(facts, levelled(facts.rig) if placed is None else placed),
                "Points where the board was, coloured by the expected error of a point seen with this rig's "
                "corner noise; hover for the part that the calibration itself contributes. The axes are "
                f"{axes}; z is up.",
            ),
        ),
        (
            "Expected error in the working volume",
            _drawn(
                error_slices(facts.error_map if placed is None else facts.mapped(placed)),
                "RMS error of a point for one pixel of noise in every view, the calibration's own error "
                "included, on a regular grid seen from above; the slider moves through the heights. Empty: "
                "fewer than two cameras see the point with the part of their image that the fit covered.",
            ),
        ),
    ]


def _board(facts: CalibrationFacts) -> str:
    if facts.board_shape == "rigid":
        return "<p class='note'>Taken as ordered.</p>"
    return _drawn(board_map(facts, facts.nominal), f"Estimated: {SHAPES[facts.board_shape]}.")


def _headline(facts: CalibrationFacts) -> str:
    text = (
        f"{facts.frames_used} of {facts.frames_total} frames, {int(facts.corners.sum())} corners, "
        f"{int(facts.rejected.sum())} rejected. Reprojection error {facts.median:.3f} px median, "
        f"{facts.rms:.3f} px rms."
    )
    if facts.held_out is not None:
        text += (
            f" On board views left out of the fit, distances between corners are off by "
            f"<b>{1e3 * facts.held_out.all_pairs:.3f} mm</b> rms."
        )
    return f"<p class='big'>{text}</p>"


def _verdicts(said: Sequence[str]) -> str:
    return "<ul class='verdicts'>" + "".join(f"<li>{escape(text)}</li>" for text in said) + "</ul>"


def _drawn(figure: go.Figure, note: str) -> str:
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    return f"<p class='note'>{escape(note)}</p>{drawn}"


def _camera_table(facts: CalibrationFacts) -> str:
    head = (
        "camera", "lens", "frames", "corners", "rejected", "median, px", "rms, px", "noise, px",
        "fx, px", "fy, px", "cx, px", "cy, px",
    )  # fmt: skip
    rows = []
    for view, camera in enumerate(facts.rig.cameras):
        K = camera.intrinsics.K
        values = [
            f"{value:.2f} &plusmn; {deviation:.2f}" if deviation > 0 else f"{value:.2f} (given)"
            for value, deviation in zip(
                (K[0, 0], K[1, 1], K[0, 2], K[1, 2]), facts.uncertainty.lenses[view, :4], strict=True
            )
        ]
        lens = "given" if facts.lenses[view] == "none" else facts.lenses[view]
        rows.append(
            [
                escape(camera.name), lens, facts.graph.pairs[view, view], facts.corners[view],
                facts.rejected[view], f"{facts.median_per_view[view]:.3f}",
                f"{facts.rms_per_view[view]:.3f}", f"{facts.sigma[view]:.3f}", *values,
            ]
        )  # fmt: skip
    return _table(head, rows, "wide")


def _held_out_table(facts: CalibrationFacts) -> str:
    found = facts.held_out
    if found is None:
        return ""
    head = ("measure", "mm")
    rows = [
        ["neighbouring corners, bias", f"{1e3 * found.neighbour_bias:+.3f}"],
        ["neighbouring corners, spread", f"{1e3 * found.neighbour_spread:.3f}"],
        ["all pairs, rms", f"{1e3 * found.all_pairs:.3f}"],
        ["all pairs against the nominal board, rms", f"{1e3 * found.all_pairs_nominal:.3f}"],
        ["repeatability of each distance", f"{1e3 * found.repeatability:.3f}"],
    ]
    note = (
        f"{found.folds} folds; of {found.observations} observations {found.outside} lay outside the covered "
        f"part of their image and {found.rejected} contradicted the fit; the distances are without "
        "them. Median reprojection error: "
        + ", ".join(
            f"{escape(name)} {error:.3f} px"
            for name, error in zip(facts.names, found.pixel_median, strict=True)
        )
    )
    return _table(head, rows) + f"<p class='note'>{note}.</p>"


def _table(head: tuple[str, ...], rows: Sequence[Sequence[object]], style: str = "") -> str:
    top = "".join(f"<th>{title}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table class='{style}'><tr>{top}</tr>{body}</table>"


def _cell(value: object) -> object:
    return int(value) if isinstance(value, np.integer) else value
