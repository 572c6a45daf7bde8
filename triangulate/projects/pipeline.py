"""All stages of a project, one after the other, over all of its trials."""

from collections.abc import Callable, Iterable, Iterator

from triangulate.projects.detection import detect_trial
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import Project, Trial
from triangulate.projects.reconstruction import reconstruct_trial
from triangulate.projects.rig_stages import calibrate_project

TrialStage = Callable[..., Outcome]


def run_project(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Run every stage that is out of date, one after the other; a trial that fails does not stop the others.

    Parameters
    ----------
    project : Project
    names : tuple of str
        Of trials; all unless given.
    force : bool
    progress : callable, optional

    Yields
    ------
    outcome : Outcome
        As each stage ends. Where its `error` says why it failed, later stages of its trial are not run.

    Raises
    ------
    ProjectError
        If a name is unknown or there is no trial at all.
    ProjectError, CalibrationError, ValueError, OSError
        If there is no calibration, which every trial needs.
    """
    trials = project.chosen(names)
    yield calibrate_project(project, force=force, progress=progress)
    yield from run_trials(project, trials, (detect_trial, reconstruct_trial), force=force, progress=progress)


def run_trials(
    project: Project,
    trials: Iterable[Trial],
    stages: Iterable[TrialStage],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Run stages of trials; where one fails, the later stages of its trial are left out, not other trials.

    Parameters
    ----------
    project : Project
    trials : iterable of Trial
    stages : iterable of callable
        `detect_trial`, `reconstruct_trial`.
    force : bool
    progress : callable, optional

    Yields
    ------
    outcome : Outcome
        As each stage ends, with an `error` where it failed.
    """
    stages = tuple(stages)
    for trial in trials:
        for stage in stages:
            try:
                outcome = stage(project, trial, force=force, progress=progress)
            except Exception as error:  # noqa: BLE001 - handed on; whatever it is, it is of this trial alone
                name = stage.__name__.removesuffix("_trial")
                yield Outcome(stage=name, trial=trial.name, outputs=(), reason="it failed", error=error)
                break
            yield outcome
