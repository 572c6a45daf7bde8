"""The boards of a project's calibration: one, one on either side of a plate, or several."""

from dataclasses import dataclass
from typing import Any

from calibration.boards.board import KINDS, Board
from calibration.boards.confusion import confusable
from calibration.boards.kalibr_target import read_target
from calibration.boards.pattern import check_pattern
from triangulate.projects.values import ProjectTable


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardPlan:
    """What is filmed to calibrate.

    Attributes
    ----------
    boards : tuple of Board
    linked : "rigid", "two-sided" or None
        How several are fixed to each other.
    thickness : float, m, or None
        Of a plate with a board on either side, where it was measured.
    """

    boards: tuple[Board, ...] = ()
    linked: str | None = None
    thickness: float | None = None


def read_boards(section: ProjectTable) -> BoardPlan:
    """Read [calibration.board], with the board on its back if there is one, or several [[calibration.board]].

    Parameters
    ----------
    section : ProjectTable
        [calibration].

    Returns
    -------
    plan : BoardPlan

    Raises
    ------
    ProjectError
        If a key or value is wrong, or boards cannot be told apart.
    """
    tables = section.take("board", [])
    linked = section.switch("linked", False)
    if isinstance(tables, list):
        parts = [ProjectTable(section.file, f"{section.name}.board", table) for table in tables]
        plan = BoardPlan(
            boards=tuple(_board(part) for part in parts),
            linked="rigid" if linked and len(parts) > 1 else None,
        )
    else:
        part = section.section("board")
        if "back" not in part:
            plan = BoardPlan(boards=(_board(part),))
        else:
            back = part.section("back")
            thickness = back.number("thickness", above=0.0)
            plan = BoardPlan(boards=(_board(part), _board(back)), linked="two-sided", thickness=thickness)
    if linked and plan.linked is None:
        raise section.error("linked", "boards that are fixed to each other need two [[calibration.board]]")
    for i, one in enumerate(plan.boards):
        for other in plan.boards[i + 1 :]:
            reason = confusable(one, other)
            if reason:
                raise section.error("board", f"two boards cannot be told apart: {reason}")
    return plan


def _board(section: ProjectTable) -> Board:
    target = section.text("target")
    if target is not None:
        section.finish()
        try:
            return read_target(section.file.parent / target)
        except (ValueError, OSError) as error:
            raise section.error("target", str(error)) from error
    kind = section.text("kind", "charuco", KINDS) or "charuco"
    values: dict[str, Any] = {key: section.number(key, least=1, whole=True) for key in ("columns", "rows")}
    values |= {key: section.number(key, above=0.0) for key in ("square", "marker")}
    values["dictionary"] = section.text("dictionary")
    switches: dict[str, Any] = {key: section.switch(key, False) for key in ("legacy", "inverted")}
    first = section.number("first", 0, least=0, whole=True)
    section.finish()
    needed = ("columns", "rows", "square") if kind == "chessboard" else tuple(values)
    missing = [key for key in needed if values[key] is None]
    if missing:
        raise section.error(None, f"a {kind} board needs {', '.join(missing)}")
    if values["square"] > 1:
        raise section.error("square", f"lengths are in metres; {values['square']:g} m looks like millimetres")
    try:
        known = {**switches, **{key: values[key] for key in needed}}
        board = Board(kind=kind, first=int(first or 0), **known)
        check_pattern(board)
    except ValueError as error:
        raise section.error(None, str(error)) from error
    return board
