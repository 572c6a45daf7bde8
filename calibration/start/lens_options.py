"""What is said about the lenses before a calibration: which are known, and which model the others have."""

from collections.abc import Mapping, Sequence

from calibration.bundle.parameters import STAGE_COEFFICIENTS
from calibration.camera import Intrinsics
from calibration.corners.observations import BoardObservations
from calibration.recordings.recording import Recording


def known_lenses(
    observations: BoardObservations, intrinsics: Mapping[str, Intrinsics]
) -> dict[str, Intrinsics]:
    """Fit lenses that are known to the whole images of the cameras, of which views may be parts.

    Parameters
    ----------
    observations : BoardObservations
    intrinsics : mapping of view to Intrinsics
        For the view itself or, recognised by its size, for the camera's whole image, unflipped. Other views
        of the same camera get the same lens.

    Returns
    -------
    known : dict of view to Intrinsics
        Of whole images, flipped where the view is mirrored.

    Raises
    ------
    ValueError
        For a view that is unknown, or a lens of another aspect ratio.
    """
    _check_names("no view", list(intrinsics), observations.names)
    known = {}
    for view, (name, crop) in enumerate(zip(observations.names, observations.crops, strict=True)):
        if name not in intrinsics:
            continue
        lens, mirrored = intrinsics[name], name in observations.mirrored
        width, height = (int(length) for length in observations.sizes[view])
        if crop is not None and lens.size == crop.whole:
            known[name] = lens.flipped() if mirrored else lens
            continue
        lens = lens if lens.size == (width, height) else lens.rescaled((width, height))
        if crop is not None:
            x, y = crop.offset(mirrored=mirrored)
            lens = lens.cropped(-x, -y, crop.whole)
        known[name] = lens
    for group in same_camera(observations):
        given = [name for name in group if name in known][:1]
        for name in group if given else []:
            odd = (name in observations.mirrored) != (given[0] in observations.mirrored)
            known.setdefault(name, known[given[0]].flipped() if odd else known[given[0]])
    return known


def rescaling_notes(observations: BoardObservations, intrinsics: Mapping[str, Intrinsics]) -> tuple[str, ...]:
    """Say which known lenses `known_lenses` rescales to the images.

    Parameters
    ----------
    observations : BoardObservations
    intrinsics : mapping of view to Intrinsics

    Returns
    -------
    notes : tuple of str
    """
    notes = []
    for view, (name, crop) in enumerate(zip(observations.names, observations.crops, strict=True)):
        size = (int(observations.sizes[view, 0]), int(observations.sizes[view, 1]))
        given = intrinsics[name].size if name in intrinsics else size
        if given != size and (crop is None or given != crop.whole):
            notes.append(
                f"camera {name}: its lens is known for images of {given[0]} x {given[1]} px and was rescaled "
                f"to {size[0]} x {size[1]} px, which is right only where both show the whole sensor"
            )
    return tuple(notes)


def lens_stages(
    names: tuple[str, ...], lens: str | Mapping[str, str], known: Mapping[str, Intrinsics]
) -> tuple[str, ...]:
    """Return the lens model asked for in each view; "none" where the lens is known.

    Raises
    ------
    ValueError
        For a model or view name that is not known.
    """
    wanted = {name: lens for name in names} if isinstance(lens, str) else dict(lens)
    _check_names("lens: no view", list(wanted), names)
    for name, model in wanted.items():
        if model not in STAGE_COEFFICIENTS and model != "auto":
            raise ValueError(f"lens of {name}: expected auto, {', '.join(STAGE_COEFFICIENTS)}, got {model!r}")
    return tuple("none" if name in known else wanted.get(name, "auto") for name in names)


def same_camera(observations: BoardObservations | Recording) -> list[list[str]]:
    """List the views that are parts of one camera's image."""
    groups: dict[str, list[str]] = {}
    for name, crop in zip(observations.names, observations.crops, strict=True):
        if crop is not None:
            groups.setdefault(crop.camera, []).append(name)
    return list(groups.values())


def _check_names(what: str, names: Sequence[str], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{what} called {name}: the observations have {', '.join(known)}")
