"""Which boards could be taken for each other: they share markers, or have none."""

from calibration.boards.board import Board


def family(dictionary: str) -> str:
    """Return what dictionaries of one kind of marker have in common: 4X4_50 begins as 4X4_1000 does.

    Parameters
    ----------
    dictionary : str

    Returns
    -------
    family : str

    Examples
    --------
    >>> family("4X4_50"), family("APRILTAG_36h11")
    ('4X4', 'APRILTAG_36h11')
    """
    return dictionary if dictionary.startswith("A") else dictionary.split("_", maxsplit=1)[0]


def markers_of(board: Board) -> range:
    """Return the numbers of a board's markers.

    Parameters
    ----------
    board : Board

    Returns
    -------
    numbers : range

    Examples
    --------
    >>> markers_of(Board.charuco(columns=5, rows=4, square=0.02, marker=0.015, dictionary="4X4_50"))
    range(0, 10)
    """
    squares = board.columns * board.rows
    count = {"charuco": squares // 2, "chessboard": 0}.get(board.kind, squares)
    return range(board.first, board.first + count)


def confusable(one: Board, other: Board) -> str:
    """Say why two boards could be taken for each other; empty where they cannot.

    Parameters
    ----------
    one, other : Board

    Returns
    -------
    reason : str

    Examples
    --------
    >>> a = Board.charuco(columns=4, rows=4, square=0.02, marker=0.015, dictionary="4X4_50")
    >>> confusable(a, a)
    'both have the markers 0 to 7 of 4X4: print one with other numbers (first = 8) or another dictionary'
    """
    if "chessboard" in (one.kind, other.kind):
        same = one.kind == other.kind and {one.columns, one.rows} == {other.columns, other.rows}
        return "both are chessboards of one size: print one of another size, or with markers" if same else ""
    mine, its = markers_of(one), markers_of(other)
    low, high = max(mine.start, its.start), min(mine.stop, its.stop)
    if family(one.dictionary) != family(other.dictionary) or low >= high:
        return ""
    return (
        f"both have the markers {low} to {high - 1} of {family(one.dictionary)}: print one with other "
        f"numbers (first = {max(mine.stop, its.stop)}) or another dictionary"
    )
