"""What a project file says about smoothing: strengths, and whether cameras are refined along with it."""

from typing import Any

from triangulate.camera_fit.priors import CameraPriors
from triangulate.projects.values import ProjectTable

STRENGTHS = ("pixel_sigma", "jerk_sigma", "acceleration_sigma", "bone_sigma")


def read_smoothing(section: ProjectTable, *, smooth: bool, calibration_uncertainty: bool) -> dict[str, Any]:
    """Take the options of `triangulate.smooth` that are not left to the data.

    Parameters
    ----------
    section : ProjectTable
        The table [reconstruct].
    smooth : bool
        Whether the project smooths at all.
    calibration_uncertainty : bool
        Whether it adds the calibration's own uncertainty.

    Returns
    -------
    options : dict of str to object

    Raises
    ------
    ProjectError
        If a value is out of range, or cameras are to be refined where they cannot be.
    """
    given = {key: section.number(key, above=0.0) for key in STRENGTHS}
    given["max_gap"] = section.number("max_gap", least=0.0)
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    priors = _camera_priors(section)
    if priors is None:
        return options
    if not smooth:
        raise section.error(
            "refine_cameras", "cameras are refined in smoothing, which smooth = false leaves out"
        )
    if calibration_uncertainty:
        raise section.error(
            "refine_cameras",
            "not with calibration_uncertainty = true: what is not known about refined cameras is in the "
            "covariance already; leave one of the two out",
        )
    return {**options, "refine_cameras": priors}


def _camera_priors(section: ProjectTable) -> CameraPriors | None:
    """Read true, false, or a table of how far the cameras may be off."""
    if not isinstance(section.take("refine_cameras", False), dict):
        return CameraPriors() if section.switch("refine_cameras", False) else None
    inner = section.section("refine_cameras")
    values = {key: inner.number(key) for key in CameraPriors.__dataclass_fields__}
    inner.finish()
    try:
        return CameraPriors(**{key: value for key, value in values.items() if value is not None})
    except ValueError as error:
        raise section.error("refine_cameras", str(error)) from error
