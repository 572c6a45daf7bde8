"""What a project says about its cameras' lenses: their model, what in them is known, and what they share."""

from dataclasses import dataclass
from typing import Any

from calibration.bundle.parameters import STAGE_COEFFICIENTS
from calibration.recordings.recording import Recording
from calibration.start.lens_options import lens_stages
from calibration.start.lens_parameters import COEFFICIENT_NAMES, PAIRED_NUMBERS, lens_rules
from triangulate.errors import ProjectError
from triangulate.projects.values import ProjectTable

LENSES = ("auto", *STAGE_COEFFICIENTS)

PARAMETERS = (
    *PAIRED_NUMBERS,
    *("fx", "fy", "cx", "cy", "aspect"),
    *dict.fromkeys(name for names in COEFFICIENT_NAMES.values() for name in names),
)
"""Everything in a lens that can be fixed."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LensPlan:
    """How lenses are calibrated; the options of `calibration.calibrate` of these names.

    Attributes
    ----------
    lens : str or dict of str to str
        Lens model, for all cameras or by name; "auto" chooses by held-out error.
    fixed : dict or None
        Parameters that are known, for all cameras or by name.
    shared : list or dict or None
        Groups of cameras that share a lens, or by parameter those that share it.
    """

    lens: str | dict[str, str] = "auto"
    fixed: dict[str, Any] | None = None
    shared: list[list[str]] | dict[str, list[list[str]]] | None = None


def read_lenses(section: ProjectTable, cameras: tuple[str, ...]) -> LensPlan:
    """Read lens, fixed and shared of [calibration].

    Parameters
    ----------
    section : ProjectTable
        [calibration].
    cameras : tuple of str

    Returns
    -------
    plan : LensPlan

    Raises
    ------
    ProjectError
        If a camera, model, parameter or value is none: it is named.
    """
    return LensPlan(
        lens=_lens(section, cameras), fixed=_fixed(section, cameras), shared=_shared(section, cameras)
    )


def check_lenses(plan: LensPlan, recording: Recording, where: str) -> None:
    """Find what the lens models cannot do before the board is looked for.

    Parameters
    ----------
    plan : LensPlan
    recording : Recording
        Of the cameras, cut and flipped as they are.
    where : str
        Begins the error.

    Raises
    ------
    ProjectError
        If a lens has no such parameter, or values contradict each other.
    """
    try:
        stages = lens_stages(recording.names, plan.lens, {})
        lens_rules(recording, stages, shared=plan.shared or (), fixed=plan.fixed or {})
    except ValueError as error:
        raise ProjectError(f"{where}.{error}") from error


def _lens(section: ProjectTable, cameras: tuple[str, ...]) -> str | dict[str, str]:
    value = section.take("lens", "auto")
    if isinstance(value, str):
        return section.text("lens", "auto", LENSES) or "auto"
    inner = section.section("lens")
    lenses = {name: inner.text(name, "auto", LENSES) or "auto" for name in cameras}
    inner.finish()
    return lenses


def _fixed(section: ProjectTable, cameras: tuple[str, ...]) -> dict[str, Any] | None:
    if "fixed" not in section:
        return None
    values: dict[str, Any] = {}
    inner = section.section("fixed")
    for key in inner.keys():  # noqa: SIM118 - a Section is not a dict
        if key in cameras:
            values[key] = _numbers(inner.section(key))
        elif key in PARAMETERS:
            values[key] = inner.number(key)
        else:
            known = f"neither a camera ({', '.join(cameras)}) nor a parameter of a lens"
            raise inner.error(key, f"{known} ({', '.join(PARAMETERS)})")
    return values


def _numbers(section: ProjectTable) -> dict[str, float | None]:
    values = {key: section.number(key) for key in PARAMETERS if key in section}
    section.finish()
    return values


def _shared(section: ProjectTable, cameras: tuple[str, ...]) -> Any:
    value = section.take("shared")
    if value is None or isinstance(value, list):
        return value if value is None else _groups(section, "shared", value, cameras)
    inner, groups = section.section("shared"), {}
    for key in inner.keys():  # noqa: SIM118 - a Section is not a dict
        if key not in PARAMETERS:
            raise inner.error(key, f"not a parameter of a lens; these are {', '.join(PARAMETERS)}")
        groups[key] = _groups(inner, key, inner.take(key), cameras)
    return groups


def _groups(section: ProjectTable, key: str, value: Any, cameras: tuple[str, ...]) -> list[list[str]]:
    """Check groups of cameras, as [["a", "b"]]."""
    fits = isinstance(value, list) and all(isinstance(group, list) and len(group) > 1 for group in value)
    if not fits:
        raise section.error(
            key, f'expected groups of two cameras or more, such as [["a", "b"]], got {value!r}'
        )
    for name in (name for group in value for name in group):
        if name not in cameras:
            raise section.error(key, f"no camera is called {name!r}; there are {', '.join(cameras)}")
    return [list(group) for group in value]
