"""The program `triangulate`, to which the commands are added."""

from typing import Annotated

import typer

from triangulate import __version__
from triangulate.cli.console import Commands, say

app = typer.Typer(
    name="triangulate",
    cls=Commands,
    help="3D motion from several cameras: calibrate, find keypoints in every view, get 3D trajectories.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """3D motion from several cameras: calibrate, find keypoints in every view, get 3D trajectories."""
