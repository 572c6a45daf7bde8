"""Lens parameters that the user gives or lets views share: from words to rules."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.lens_rules import LensRules, lens_names
from calibration.corners.observations import BoardObservations
from calibration.geometry.lens import LENS_NAMES, ODD
from calibration.recordings.recording import Recording
from calibration.start.lens_options import same_camera

Float = NDArray[np.float64]
Int = NDArray[np.int64]

COEFFICIENT_NAMES = {
    "pinhole4": ("k1", "k2", "p1", "p2"),
    "pinhole5": ("k1", "k2", "p1", "p2", "k3"),
    "pinhole8": ("p1", "p2"),
    "pinhole12": ("p1", "p2", "s1", "s2", "s3", "s4"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}
"""Coefficients that one can fix or share one by one. The radial ones of "pinhole8" and "pinhole12" are not
among them: six numbers of which many combinations are the same lens, so one alone says nothing."""

PAIRED_NUMBERS = {"focal": ("fx", "fy"), "center": ("cx", "cy")}
"""Names for two numbers at once."""

SIDED = ("cx", "cy", *(LENS_NAMES[4 + i] for i in ODD))
"""Parameters that change when the image is flipped or cropped."""

Values = Mapping[str, float | Mapping[str, float]]
ViewGroups = Sequence[Sequence[str]]


def lens_rules(
    observations: BoardObservations | Recording,
    lenses: tuple[str, ...],
    *,
    shared: ViewGroups | Mapping[str, ViewGroups],
    fixed: Values,
) -> LensRules:
    """Put what the user asked for into rules.

    Parameters
    ----------
    observations : BoardObservations or Recording
        Says what the views are.
    lenses : tuple of str
        Lens model of each view: a key of `COEFFICIENT_NAMES`, "auto", or "none" for one that is known.
    shared : groups of view names, or mapping of parameter to such groups
        Groups share the whole lens, or one parameter. Views of one camera's image always share its lens.
    fixed : mapping
        From a parameter to its value in all views, or from a view to such a mapping.

    Returns
    -------
    rules : LensRules

    Raises
    ------
    ValueError
        For a view or parameter that is not known, or values that contradict each other.
    """
    names = observations.names
    owner = LensRules.none(len(names)).owner.copy()
    for parameter, group in [*_groups(shared), *(("", group) for group in same_camera(observations))]:
        _share(owner, parameter, group, names, lenses)
    value, aspect = np.full(owner.shape, np.nan), np.full(len(names), np.nan)
    parts = {name for name in names if name in observations.mirrored}
    parts |= {name for name, crop in zip(names, observations.crops, strict=True) if crop is not None}
    for view, parameter, number in _values(names, fixed):
        _check_value(parameter, number, names[view])
        if lenses[view] == "none":
            raise ValueError(f"fixed: the lens of {names[view]} is given whole; nothing in it is estimated")
        if parameter == "aspect":
            aspect[view] = number
            continue
        columns = _columns(parameter, names[view], lenses[view], "fixed")
        if names[view] in parts and set(PAIRED_NUMBERS.get(parameter, (parameter,))) & set(SIDED):
            raise ValueError(
                f"fixed: {parameter} of {names[view]}: the view is a part or mirror image of what its camera "
                "sees, and has another one; give the whole lens as intrinsics"
            )
        value[view, columns] = number
    flipped = np.isin(names, observations.mirrored)
    return _completed(names, LensRules(owner=owner, flipped=flipped, value=value, aspect=aspect))


def _share(
    owner: Int, parameter: str, group: Sequence[str], names: tuple[str, ...], lenses: Sequence[str]
) -> None:
    """Make the first view of a group the owner of what they share; known lenses share nothing."""
    if parameter == "aspect":
        raise ValueError("shared: the aspect cannot be shared; share the focal lengths, or fix it to a value")
    views = [view for view in (_view(names, name, "shared") for name in group) if lenses[view] != "none"]
    models = sorted({lenses[view] for view in views})
    if len(models) > 1:
        raise ValueError(f"shared: {', '.join(group)} have lenses of different models: {', '.join(models)}")
    columns = list(range(len(LENS_NAMES)))
    if parameter:
        columns = [i for view in views for i in _columns(parameter, names[view], lenses[view], "shared")]
    for i in columns if views else ():
        merged = np.isin(owner[:, i], owner[views, i])
        owner[merged, i] = owner[merged, i].min()


def _completed(names: tuple[str, ...], rules: LensRules) -> LensRules:
    """Give what one view of a group is given to all of it, and complete fx and fy by the aspect."""
    owner, value, aspect = rules.owner, rules.value.copy(), rules.aspect
    for i, word in enumerate(LENS_NAMES):
        for first in np.unique(owner[:, i]):
            group = owner[:, i] == first
            known = np.unique(value[group, i][np.isfinite(value[group, i])])
            if not len(known):
                continue
            sharing = ", ".join(name for name, mine in zip(names, group, strict=True) if mine)
            if len(known) > 1:
                values = " and ".join(f"{number:g}" for number in known)
                raise ValueError(f"fixed: {sharing} share their {word}, which cannot be {values}")
            if word in SIDED and len(np.unique(rules.flipped[group])) > 1:
                raise ValueError(
                    f"fixed: {sharing} share their {word}, but some are mirror images; fix no {word}"
                )
            value[group, i] = known[0]
    for view in np.flatnonzero(np.isfinite(aspect)):
        fx, fy, ratio = value[view, 0], value[view, 1], aspect[view]
        if np.isfinite(fx) and np.isfinite(fy) and abs(fx / fy / ratio - 1) > 1e-9:
            raise ValueError(f"fixed: {names[view]}: fx = {fx:g} and fy = {fy:g} have no aspect of {ratio:g}")
        if np.isfinite(fx):
            value[view, 1] = fx / ratio
        elif np.isfinite(fy):
            value[view, 0] = fy * ratio
        sharing_focal = (owner[:, :2] == owner[view, :2]).any(axis=1)
        if (aspect[sharing_focal] != ratio).any():
            raise ValueError(f"fixed: {names[view]} shares a focal length; fix the aspect of the whole group")
    return LensRules(owner=owner, flipped=rules.flipped, value=value, aspect=aspect)


def _groups(shared: ViewGroups | Mapping[str, ViewGroups]) -> Iterator[tuple[str, Sequence[str]]]:
    """Pairs of a parameter ("" for the whole lens) and the views that share it."""
    if isinstance(shared, Mapping):
        for parameter, groups in shared.items():
            yield from ((parameter, group) for group in groups)
        return
    yield from (("", group) for group in shared)


def _values(names: tuple[str, ...], fixed: Values) -> Iterator[tuple[int, str, float]]:
    for key, given in fixed.items():
        if isinstance(given, Mapping):
            view = _view(names, key, "fixed")
            yield from ((view, parameter, float(number)) for parameter, number in given.items())
        else:
            yield from ((view, key, float(given)) for view in range(len(names)))


def _view(names: tuple[str, ...], name: str, option: str) -> int:
    if name not in names:
        raise ValueError(f"{option}: no view called {name}: the views are {', '.join(names)}")
    return names.index(name)


def _columns(parameter: str, name: str, lens: str, option: str) -> list[int]:
    """Where a parameter stands among the numbers of a lens."""
    known = ("fx", "fy", "cx", "cy", *COEFFICIENT_NAMES.get(lens, ()))
    wanted = PAIRED_NUMBERS.get(parameter, (parameter,))
    if not set(wanted) <= set(known):
        choices = ", ".join([*PAIRED_NUMBERS, *known, *["aspect"] * (option == "fixed")])
        model = f'with lens="{lens}"' if lens != "auto" else 'while lens="auto" leaves its model open'
        raise ValueError(f"{option}: {parameter} of {name}: {model} one can take {choices}")
    return [lens_names(lens).index(word) for word in wanted]


def _check_value(parameter: str, number: float, name: str) -> None:
    if not np.isfinite(number) or (parameter in ("fx", "fy", "focal", "aspect") and number <= 0):
        raise ValueError(f"fixed: {parameter} of {name}: expected a finite number of its kind, got {number}")
