"""How good a calibration is: its numbers, verdicts in words, and a page to look at."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from calibration.bundle.fit import Fit
from calibration.bundle.held_out import HeldOut
from calibration.bundle.lateness import Lateness
from calibration.corners.sightings import Sightings
from calibration.quality.facts import CalibrationFacts
from calibration.quality.verdicts import alarms, calibration_verdicts
from calibration.rig import Rig
from calibration.start.view_graph import ViewGraph


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CalibrationReport(CalibrationFacts):
    """Quality of a calibration.

    Attributes
    ----------
    alarms : tuple of str
        What makes the calibration wrong, in words, with what to do.
    verdicts : tuple of str
        What to know and what to do, in words; alarms come first.
    """

    alarms: tuple[str, ...]
    verdicts: tuple[str, ...]

    @classmethod
    def from_fit(
        cls,
        sightings: Sightings,
        fit: Fit,
        *,
        graph: ViewGraph,
        rig: Rig,
        held_out: HeldOut | None,
        late: Lateness | None = None,
    ) -> Self:
        """Sum up a fit and judge it."""
        facts = CalibrationFacts.of_fit(sightings, fit, graph=graph, rig=rig, held_out=held_out, late=late)
        known = {field.name: getattr(facts, field.name) for field in fields(facts)}
        wrong = tuple(alarms(facts))
        return cls(**known, alarms=wrong, verdicts=(*wrong, *calibration_verdicts(facts)))

    def summary(self) -> str:
        """Return the report as a few lines of text.

        Returns
        -------
        text : str
        """
        lines = [
            f"{self.frames_used} of {self.frames_total} frames used, reprojection "
            f"{self.median:.3f} px median, {self.rms:.3f} px rms",
        ]
        if self.held_out is not None:
            lines.append(
                f"left-out frames: all corner distances {1e3 * self.held_out.median:.3f} mm median, "
                f"{1e3 * self.held_out.all_pairs:.3f} mm rms, "
                f"neighbours {1e3 * self.held_out.neighbour_bias:+.3f} +- "
                f"{1e3 * self.held_out.neighbour_spread:.3f} mm"
            )
        lines.append(self.graph.table())
        for view, name in enumerate(self.names):
            lines.append(
                f"{name}: {self.lenses[view]}, {self.corners[view]} corners, {self.rejected[view]} rejected, "
                f"{self.rms_per_view[view]:.3f} px rms"
            )
        return "\n".join([*lines, *map(str, self.boards), *self.verdicts])

    def write_html(self, path: str | Path, *, placed: Rig | None = None) -> None:
        """Write the report as one self-contained page.

        Parameters
        ----------
        path : path
        placed : Rig, optional
            The rig in the world that is used, where it was moved after the calibration: figures show that
            world, otherwise one levelled by the cameras' own upright.
        """
        from calibration.quality.page import calibration_page  # plotly is loaded when a page is asked for

        path = Path(path)
        part = path.with_name(path.name + ".part")
        part.write_text(calibration_page(self, self.verdicts, placed, wrong=self.alarms), encoding="utf-8")
        part.replace(path)
