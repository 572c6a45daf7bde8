"""Values of a project file, each checked where it stands: an error names file, line, section and key."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from calibration.toml_files import line_of
from triangulate.errors import ProjectError


class ProjectTable:
    """One table of a project file; every key that is taken is checked off, what is left over is an error.

    Parameters
    ----------
    file : path
    name : str
        Header without brackets, empty for the top of the file.
    table : dict
    """

    def __init__(self, file: Path, name: str, table: Any) -> None:
        self.file, self.name = file, name
        if not isinstance(table, dict):
            raise self.error(None, f"expected a table, got {table!r}")
        self._table = dict(table)
        self._known: list[str] = []

    def error(self, key: str | None, message: str) -> ProjectError:
        """Make an error that names the place.

        Parameters
        ----------
        key : str or None
        message : str

        Returns
        -------
        error : ProjectError
        """
        line = self._line(key)
        place = f"{self.file}:{line}" if line else f"{self.file}"
        what = ".".join(part for part in (self.name, key) if part)
        return ProjectError(f"{place}: {what}: {message}" if what else f"{place}: {message}")

    def _line(self, key: str | None) -> int:
        if self.name:
            return line_of(self.file, self.name, key)
        for number, line in enumerate(self.file.read_text(encoding="utf-8").splitlines(), start=1):
            if line.lstrip().startswith("["):
                break
            if key is not None and line.split("=")[0].strip() == key:
                return number
        return 0

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def take(self, key: str, default: Any = None) -> Any:
        """Return a value as it is and check it off.

        Parameters
        ----------
        key : str
        default : object

        Returns
        -------
        value : object
        """
        self._known.append(key)
        return self._table.get(key, default)

    def section(self, key: str) -> "ProjectTable":
        """Return a table inside, empty where it is absent.

        Parameters
        ----------
        key : str

        Returns
        -------
        section : ProjectTable
        """
        return ProjectTable(self.file, ".".join(filter(None, (self.name, key))), self.take(key, {}))

    def keys(self) -> list[str]:
        """Return the keys that are there."""
        return list(self._table)

    def text(self, key: str, default: str | None = None, among: Iterable[str] | None = None) -> str | None:
        """Take a text.

        Parameters
        ----------
        key : str
        default : str, optional
        among : iterable of str, optional
            The values allowed.

        Returns
        -------
        text : str or None

        Raises
        ------
        ProjectError
            If it is not a text or not among those allowed.
        """
        value = self.take(key, default)
        if value is not None and not isinstance(value, str):
            raise self.error(key, f"expected a text in quotes, got {value!r}")
        if value is not None and among is not None and value not in among:
            raise self.error(key, f"expected one of {', '.join(among)}, got {value!r}")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Take a list of texts.

        Parameters
        ----------
        key : str
        default : tuple of str

        Returns
        -------
        texts : tuple of str

        Raises
        ------
        ProjectError
            If it is not a list of texts, or one occurs twice.
        """
        value = self.take(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f'expected a list of texts such as ["a", "b"], got {value!r}')
        if len(set(value)) != len(value):
            raise self.error(key, f"expected names that differ, got {', '.join(value)}")
        return tuple(value)

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        least: float | None = None,
        above: float | None = None,
        whole: bool = False,
    ) -> float | None:
        """Take a number.

        Parameters
        ----------
        key : str
        default : float, optional
        least : float, optional
            Smaller values are refused.
        above : float, optional
            This and smaller values are refused.
        whole : bool
            Whether it must be an integer.

        Returns
        -------
        number : float or None

        Raises
        ------
        ProjectError
            If it is not such a number.
        """
        value = self.take(key, default)
        if value is None:
            return None
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        fits = fits and (least is None or value >= least) and (above is None or value > above)
        if not fits or not np.isfinite(value):
            kind = "a whole number" if whole else "a number"
            bound = "" if least is None else f" of at least {least:g}"
            bound += "" if above is None else f" above {above:g}"
            raise self.error(key, f"expected {kind}{bound}, got {value!r}")
        return value

    def switch(self, key: str, default: bool) -> bool:
        """Take true or false.

        Parameters
        ----------
        key : str
        default : bool

        Returns
        -------
        value : bool

        Raises
        ------
        ProjectError
            If it is neither.
        """
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {value!r}")
        return value

    def finish(self) -> None:
        """Refuse keys that nothing asked for.

        Raises
        ------
        ProjectError
            Naming the key and the nearest known one.
        """
        for key in self._table:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(self._known)}"
                raise self.error(key, f"not a key of a project{hint}")
