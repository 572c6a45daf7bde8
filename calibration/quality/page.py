"""The report of a calibration as one page that needs no network."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from calibration.pages.building import Section, note, plot, table, verdict_list
from calibration.pages.building import page as page_of
from calibration.quality.error_figure import error_slices
from calibration.quality.facts import CalibrationFacts
from calibration.quality.figures import board_map, image_maps, pair_table, rig_in_space
from calibration.rig import Rig
from calibration.world.levelling import levelled

SHAPE_WORDS = {"warp": "bent, by two numbers", "free": "an offset of each corner"}


def calibration_page(
    facts: CalibrationFacts, said: Sequence[str], placed: Rig | None = None, *, wrong: Sequence[str] = ()
) -> str:
    """Return the page.

    Parameters
    ----------
    facts : CalibrationFacts
    said : sequence of str
        Verdicts.
    wrong : sequence of str
        Those among them that make the calibration wrong, not only weak.
    placed : Rig, optional
        The rig in the world that figures show; levelled unless given.

    Returns
    -------
    html : str
    """
    sections = [
        Section(
            title="What to know",
            parts=(verdict_list((text, "bad" if text in wrong else "plain") for text in said),),
        ),
        Section(title="Cameras", parts=(_camera_table(facts),)),
        Section(title="Board views left out of the fit", parts=_held_out(facts)),
        *(_between_cameras(facts) if len(facts.names) > 1 else []),
        Section(
            title="Residuals and coverage",
            parts=_drawn(
                image_maps(facts),
                "Blue: residuals, enlarged; they should point everywhere alike. Green: the part of the image "
                "that the fit covered. Red crosses: corners that contradict the fit.",
            ),
        ),
        *(_in_space(facts, placed) if np.isfinite(facts.volume.calibration).any() else []),
        Section(title="The board as printed", parts=_board(facts)),
    ]
    count = len(facts.names)
    return page_of(f"Calibration of {count} camera{'s' if count != 1 else ''}", _headline(facts), sections)


def _between_cameras(facts: CalibrationFacts) -> list[Section]:
    text = "Weak rows and columns are cameras to record more for."
    title = "Frames in which two cameras see the board"
    return [Section(title=title, parts=_drawn(pair_table(facts), text))]


def _in_space(facts: CalibrationFacts, placed: Rig | None) -> list[Section]:
    axes = "levelled by the cameras' own upright" if placed is None else "those of the saved calibration"
    return [
        Section(
            title="The rig and the expected error",
            parts=_drawn(
                rig_in_space(facts, levelled(facts.rig) if placed is None else placed),
                "Points where the board was, coloured by the expected error of a point seen with this rig's "
                "corner noise; hover for the part that the calibration itself contributes. The axes are "
                f"{axes}; z is up.",
            ),
        ),
        Section(
            title="Expected error in the working volume",
            parts=_drawn(
                error_slices(facts.error_map if placed is None else facts.mapped(placed)),
                "RMS error of a point for one pixel of noise in every view, the calibration's own error "
                "included, on a regular grid seen from above; the slider moves through the heights. Empty: "
                "fewer than two cameras see the point with the part of their image that the fit covered.",
            ),
        ),
    ]


def _board(facts: CalibrationFacts) -> tuple[Markup, ...]:
    if facts.board_shape == "rigid":
        return (note("Taken as ordered."),)
    return _drawn(board_map(facts, facts.nominal), f"Estimated: {SHAPE_WORDS[facts.board_shape]}.")


def _headline(facts: CalibrationFacts) -> str:
    text = (
        f"{facts.frames_used} of {facts.frames_total} frames, {int(facts.corners.sum())} corners, "
        f"{int(facts.rejected.sum())} rejected. Reprojection error {facts.median:.3f} px median, "
        f"{facts.rms:.3f} px rms."
    )
    if facts.held_out is not None:
        text += (
            f" On board views left out of the fit, distances between corners are off by "
            f"{1e3 * facts.held_out.median:.3f} mm (median)."
        )
    return text


def _drawn(figure: go.Figure, text: str) -> tuple[Markup, ...]:
    return note(text), plot(figure)


def _camera_table(facts: CalibrationFacts) -> Markup:
    head = (
        "camera", "lens", "frames", "corners", "rejected", "median, px", "rms, px", "noise, px",
        "fx, px", "fy, px", "cx, px", "cy, px",
    )  # fmt: skip
    rows = []
    for view, camera in enumerate(facts.rig.cameras):
        K = camera.intrinsics.K
        values = [
            f"{value:.2f} ± {deviation:.2f}" if deviation > 0 else f"{value:.2f} (given)"
            for value, deviation in zip(
                (K[0, 0], K[1, 1], K[0, 2], K[1, 2]), facts.uncertainty.lenses[view, :4], strict=True
            )
        ]
        lens = "given" if facts.lenses[view] == "none" else facts.lenses[view]
        rows.append(
            [
                camera.name, lens, facts.graph.pairs[view, view], facts.corners[view],
                facts.rejected[view], f"{facts.median_per_view[view]:.3f}",
                f"{facts.rms_per_view[view]:.3f}", f"{facts.sigma[view]:.3f}", *values,
            ]
        )  # fmt: skip
    return table(head, rows, wide=True)


def _held_out(facts: CalibrationFacts) -> tuple[Markup, ...]:
    found = facts.held_out
    if found is None:
        return ()
    head = ("measure", "mm")
    rows = [
        ["neighbouring corners, bias", f"{1e3 * found.neighbour_bias:+.3f}"],
        ["neighbouring corners, spread", f"{1e3 * found.neighbour_spread:.3f}"],
        ["all pairs, median", f"{1e3 * found.median:.3f}"],
        ["all pairs, rms", f"{1e3 * found.all_pairs:.3f}"],
        ["all pairs against the nominal board, rms", f"{1e3 * found.all_pairs_nominal:.3f}"],
        ["repeatability of each distance", f"{1e3 * found.repeatability:.3f}"],
    ]
    text = (
        f"{found.folds} folds; of {found.observations} observations {found.outside} lay outside the covered "
        f"part of their image and {found.rejected} contradicted the fit; the distances are without "
        "them. Median reprojection error: "
        + ", ".join(
            f"{name} {error:.3f} px" for name, error in zip(facts.names, found.pixel_median, strict=True)
        )
    )
    return table(head, rows), note(f"{text}.")
