"""Length units of calibration files."""

from pathlib import Path

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "um": 1e-6, "inch": 0.0254}
"""Metres per unit."""


def metres_per(unit: str) -> float:
    """Look up a unit.

    Parameters
    ----------
    unit : str

    Returns
    -------
    metres : float

    Raises
    ------
    ValueError
        If it is not known.

    Examples
    --------
    >>> metres_per("mm")
    0.001
    """
    if unit not in METRES:
        raise ValueError(f"unit: expected one of {', '.join(METRES)}, got {unit!r}")
    return METRES[unit]


def agreed_unit(path: Path, *, asked: str | None, stored: str | None, usual: str | None = None) -> float:
    """Decide in which unit a file is: what it says, else what the caller says, else what its tool uses.

    Parameters
    ----------
    path : Path
    asked : str or None
        By the caller.
    stored : str or None
        In the file.
    usual : str, optional
        Of the tool that wrote it.

    Returns
    -------
    metres : float
        Metres per unit.

    Raises
    ------
    ValueError
        If nobody knows, or the file and the caller disagree.
    """
    if stored is not None and asked is not None and metres_per(stored) != metres_per(asked):
        raise ValueError(f'{path}: the file says its unit is "{stored}", but unit="{asked}" was asked for')
    unit = stored or asked or usual
    if unit is None:
        raise ValueError(
            f"{path}: this format does not store its length unit, which is that of the calibration board "
            'it was made with; say which, as Rig.load(path, unit="mm") (or "m", "cm")'
        )
    return metres_per(unit)
