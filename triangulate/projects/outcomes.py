"""What a stage of a project says when it ends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Outcome:
    """What a stage did.

    Attributes
    ----------
    stage : str
    trial : str
        Empty for the calibration.
    outputs : tuple of path
    seconds : float, s
    reason : str or None
        Why it ran; None where everything was up to date.
    summary : str
        Empty where it did not run.
    missing : dict of str to str
        Formats in which the trajectories could not be written, and why.
    error : Exception or None
        Why the stage failed, where it is one of several trials and the others go on.
    """

    stage: str
    outputs: tuple[Path, ...]
    trial: str = ""
    seconds: float = 0.0
    reason: str | None = None
    summary: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def what(self) -> str:
        """Stage and trial, as "detect walk"."""
        return " ".join(filter(None, (self.stage, self.trial)))
