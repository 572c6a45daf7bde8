"""The command line: one command per stage, errors in one paragraph, exit code 1."""

import warnings

from triangulate.cli import project_commands, training_commands
from triangulate.cli.console import show_warning
from triangulate.cli.program import app

__all__ = ["app", "main", "project_commands", "training_commands"]


def main() -> None:
    """Run the command line."""
    warnings.showwarning = show_warning
    app()
