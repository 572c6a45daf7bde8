"""What a person sees in a terminal: lines, progress, warnings, and what went wrong."""

import os
import re
import sys
import textwrap
import traceback
from collections.abc import Iterable
from typing import Any

import typer
from tqdm import tqdm
from typer.core import TyperGroup

from calibration.errors import CalibrationError
from models2d.errors import ModelError
from triangulate.errors import ProjectError, TriangulationError

WIDTH = 100

EXPECTED = (
    ProjectError,
    CalibrationError,
    ModelError,
    TriangulationError,
    ValueError,
    TypeError,
    OSError,
    ImportError,
)
"""What a user can mend; anything else is a fault of ours and shows its traceback."""


def say(text: str = "") -> None:
    """Print a line.

    Parameters
    ----------
    text : str
    """
    typer.echo(text)


def bar(iterable: Iterable[Any], **options: Any) -> Iterable[Any]:
    """Show a progress bar, but not where there is no terminal.

    Parameters
    ----------
    iterable : iterable
    **options
        Of tqdm.

    Returns
    -------
    iterable : iterable
    """
    return tqdm(iterable, disable=None, leave=False, dynamic_ncols=True, **options)


def complain(*messages: str) -> None:
    """Say what went wrong on standard error, and first of several how many they are; tables keep their lines.

    Parameters
    ----------
    *messages : str
    """
    head = [f"triangulate: {len(messages)} failures:"] if len(messages) > 1 else []
    begin = "- " if head else "triangulate: "
    for line in [*head, *(line for message in messages for line in (begin + message).splitlines())]:
        table = re.search(r"\S {2,}\S", line) or line.startswith(" ")
        filled = textwrap.fill(" ".join(line.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
        typer.echo(line if table else filled, err=True)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say a warning in one line, above a progress bar.

    Parameters
    ----------
    message : Warning or str
    """
    tqdm.write(f"note: {' '.join(str(message).split())}", file=sys.stderr)


class Commands(TyperGroup):
    """Commands that say what a user can mend in one paragraph, and end with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command.

        Parameters
        ----------
        ctx : Context

        Returns
        -------
        result : object

        Raises
        ------
        Exit
            With code 1 for what a user can mend, 130 when interrupted.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            complain("interrupted; finished stages are kept, and the same command goes on from them")
            raise typer.Exit(130) from error
        except EXPECTED as error:
            if os.environ.get("TRIANGULATE_TRACEBACK"):
                traceback.print_exc()
            complain(str(error) or type(error).__name__)
            raise typer.Exit(1) from error
