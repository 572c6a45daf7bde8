"""A stage of a project as a value, and the one way in which all of them run."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from triangulate.errors import ProjectError
from triangulate.projects.freshness import outdated, read_record, record_of, stale
from triangulate.projects.outcomes import Outcome
from triangulate.projects.staging import Staging, save_record, staging, sweep


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Stage:
    """What a stage takes, what it writes, and the work between.

    Attributes
    ----------
    name : str
    trial : str
        Empty for the calibration.
    inputs : mapping of str to path
        Files and folders by what they are; their contents count.
    options : mapping of str to object
        Everything else that the outputs depend on.
    outputs : tuple of path
        The record lies beside the first; they are replaced together.
    retired : tuple of path
        Files that belong to the outputs before, and go when these are replaced.
    work : callable
        Writes every output to where the staging that it is given says; returns the summary.
    """

    name: str
    inputs: Mapping[str, Path]
    options: Mapping[str, Any]
    outputs: tuple[Path, ...]
    work: Callable[[Staging], str]
    trial: str = ""
    retired: tuple[Path, ...] = ()

    def outdated(self) -> str | None:
        """Tell why the outputs that are there are not those of these inputs and options; nothing is run.

        Returns
        -------
        reason : str or None
        """
        before = read_record(self.outputs[0])
        return outdated(self.outputs[0], record_of(self.inputs, self.options, before=before))

    def run(self, *, force: bool = False) -> Outcome:
        """Do the work, unless the outputs are there, whole, and made from the same inputs and options.

        Parameters
        ----------
        force : bool
            Whether to run although everything is up to date.

        Returns
        -------
        outcome : Outcome
        """
        began = perf_counter()
        sweep({path.parent for path in self.outputs})
        before = read_record(self.outputs[0])
        record = record_of(self.inputs, self.options, before=before)
        reason = "asked to" if force else stale(self.outputs, record)
        summary = ""
        if reason is not None:
            try:
                with staging() as staged:
                    summary = self.work(staged)
                    staged.commit(self.outputs, record, self.retired)
            except OSError as error:
                if not _full(error):
                    raise
                raise ProjectError(
                    f"{self.outputs[0].parent}: the disk is full, or files may not grow as large ({error}); "
                    "what was there is kept: make room, and run the same command again"
                ) from error
        elif before.get("stamps", {}) != record["stamps"]:
            save_record(self.outputs[0], {**before, "stamps": record["stamps"]})
        return Outcome(
            stage=self.name,
            trial=self.trial,
            outputs=self.outputs,
            seconds=perf_counter() - began if reason is not None else 0.0,
            reason=reason,
            summary=summary,
        )


def _full(error: OSError) -> bool:
    """Tell whether there is no room; libraries that write in C hand the number on as text."""
    numbers = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return error.errno in numbers or any(os.strerror(number) in str(error) for number in numbers)
