"""The stages that write a trial's trajectories for other tools: one per format, each failing alone."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from models2d.skeleton import Skeleton
from triangulate.export.extent import Extent
from triangulate.export.formats import FORMATS, read, refusal, write
from triangulate.other_skeleton import in_skeleton
from triangulate.projects.freshness import record_file
from triangulate.projects.outcomes import Outcome
from triangulate.projects.project import Project, Trial
from triangulate.projects.stage import Stage
from triangulate.projects.staging import Staging
from triangulate.trajectories import Trajectories3D


def export_trial(project: Project, trial: Trial, solved: Outcome, *, force: bool = False) -> Outcome:
    """Write the trajectories of a trial in every format that the project names.

    Parameters
    ----------
    project : Project
    trial : Trial
    solved : Outcome
        Of the reconstruction, whose trajectories are written.
    force : bool

    Returns
    -------
    outcome : Outcome
        Of both, with what could not be written among `missing`.
    """
    source = project.results(trial.name) / "trajectories.parquet"
    skeleton = None if project.export_skeleton is None else project.beside(project.export_skeleton)
    trajectories = cache(lambda: _shown(read(source), skeleton))
    done: list[Outcome] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys(project.formats):
        if name == "parquet":
            continue
        try:
            done.append(_export(source, name, trajectories, skeleton).run(force=force))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is of this format alone, and is said
            missing[name] = str(error) or type(error).__name__
    written = [outcome for outcome in done if outcome.reason is not None]
    names = ", ".join(outcome.outputs[0].name for outcome in written)
    return replace(
        solved,
        outputs=(*solved.outputs, *(path for outcome in done for path in outcome.outputs)),
        seconds=solved.seconds + sum(outcome.seconds for outcome in written),
        reason=solved.reason or next((outcome.reason for outcome in written), None),
        summary=solved.summary or (f"wrote {names}" if names else ""),
        missing=missing,
    )


def _shown(trajectories: Trajectories3D, skeleton: str | Path | None) -> Trajectories3D:
    return trajectories if skeleton is None else in_skeleton(trajectories, Skeleton.load(skeleton))


def _export(
    source: Path, name: str, trajectories: Callable[[], Trajectories3D], skeleton: str | Path | None
) -> Stage:
    output = source.with_name(source.stem + FORMATS[name][0])

    def work(staged: Staging) -> str:
        reason = refusal(name, Extent.of(trajectories()))
        if reason is not None:
            raise ValueError(reason)
        write(trajectories(), staged(output))
        return ""

    inputs = {source.stem: source} | ({"skeleton": skeleton} if isinstance(skeleton, Path) else {})
    options = {"format": name, "skeleton": None if skeleton is None else str(skeleton)}
    return Stage(name="export", inputs=inputs, options=options, outputs=(output,), work=work)


def exports_of(project: Project, trial: Trial) -> tuple[Path, ...]:
    """List what exports of a trial have left, with their records: it is of the trajectories that are there.

    Parameters
    ----------
    project : Project
    trial : Trial

    Returns
    -------
    files : tuple of path
        Of the formats that the project names, and of those that it named when they were written; not what was
        exported by hand.
    """
    source = project.results(trial.name) / "trajectories.parquet"
    outputs = {name: source.with_name(source.stem + suffix) for name, (suffix, *_) in FORMATS.items()}
    del outputs["parquet"]
    ours = [
        output for name, output in outputs.items() if name in project.formats or record_file(output).exists()
    ]
    return tuple(path for output in ours for path in (output, record_file(output)))


def refused_formats(project: Project, frames: int, keypoints: tuple[str, ...] = ()) -> dict[str, str]:
    """Say which formats of a project cannot hold what a trial will give.

    Parameters
    ----------
    project : Project
    frames : int
    keypoints : tuple of str
        Empty where they are not known yet.

    Returns
    -------
    reasons : dict of str to str
        By format; empty where nothing is known against any.
    """
    several = tuple(f"subject{number + 1}" for number in range(project.subjects))
    extent = Extent(frames=frames, subjects=several, keypoints=keypoints)
    reasons = {name: refusal(name, extent) for name in dict.fromkeys(project.formats)}
    return {name: reason for name, reason in reasons.items() if reason is not None}
