"""Sides of images that a video codec filled up: it stores whole blocks, and tools may show them or not."""

from collections.abc import Sequence

MACROBLOCK = 16
"""Side of the blocks that codecs store, px; what fills the last ones lies at the right and the bottom."""


def is_filled(whole: Sequence[int], size: Sequence[int]) -> bool:
    """Tell whether images would have another size if a codec's last blocks were shown whole.

    Parameters
    ----------
    whole : (2,) int, px
        Width and height with the blocks.
    size : (2,) int, px
        Width and height without.

    Returns
    -------
    filled : bool

    Examples
    --------
    >>> is_filled((1920, 1088), (1920, 1080)), is_filled((1920, 1080), (1920, 1072))
    (True, False)
    """
    blocks = [-(-side // MACROBLOCK) * MACROBLOCK for side in size]
    fits = all(of in {side, full} for of, side, full in zip(whole, size, blocks, strict=True))
    return fits and tuple(whole) != tuple(size)
