"""Boards as files to print to scale: PNG at a given resolution, and PDF with the page's true size."""

import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.atomic import replacing
from calibration.boards.board import Board
from calibration.boards.pattern import board_image, fewest_pixels

MARGIN = 0.5
"""White border around the board in squares: markers at the edge need it."""

FOOT = 0.022
"""Height of the ruler and the text below the board, m."""


def board_page(board: Board, dpi: int = 600) -> NDArray[np.uint8]:
    """Draw a board with its border, a ruler and its parameters.

    Parameters
    ----------
    board : Board
    dpi : int
        Pixels per inch; squares get whole pixels, and the page size is set so that they measure right.

    Returns
    -------
    page : (height, width) uint8

    Raises
    ------
    ValueError
        If a cell of a marker has less than a px, or the page more than 20,000 along a side.
    """
    per_metre = dpi / 0.0254
    square = round(board.square * per_metre)
    least, longest = max(12, fewest_pixels(board)), square * max(board.columns, board.rows)
    if square < least or longest > 20_000:
        raise ValueError(
            f"dpi: {dpi} gives {square} px per square; expected {least} or more, and pages below 20,000 px"
        )
    picture = board_image(board, square)
    margin, foot = round(MARGIN * square), round(FOOT * per_metre)
    framed = cv2.copyMakeBorder(
        picture,
        margin,
        margin + foot,
        margin,
        margin,
        cv2.BORDER_CONSTANT,
        value=0 if board.inverted else 255,
    )
    page = np.asarray(framed, dtype=np.uint8)
    page[-foot:] = 255
    _ruler(page, margin, page.shape[0] - foot, per_metre)
    _text(page, margin, page.shape[0] - round(0.004 * per_metre), per_metre, f"{board}. Measure the ruler.")
    return page


def save_board(board: Board, path: str | Path, *, dpi: int = 600) -> None:
    """Write a board to print at 100%, without "fit to page".

    Parameters
    ----------
    board : Board
    path : path
        Ending in .png or .pdf. Both carry the true size of the page.
    dpi : int

    Raises
    ------
    ValueError
        For another suffix, or a resolution that does not fit the board.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".pdf"):
        raise ValueError(f"{path}: expected a name ending in .png or .pdf")
    page = board_page(board, dpi)
    # The page is scaled so that the whole pixels of a square measure exactly a square.
    exact = round(board.square * dpi / 0.0254) / board.square
    content = _pdf(page, exact) if path.suffix.lower() == ".pdf" else _png(page, exact)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _ruler(page: NDArray[np.uint8], left: int, top: int, per_metre: float) -> None:
    length = int((page.shape[1] - 2 * left) / (0.01 * per_metre))
    thick = max(1, round(0.0002 * per_metre))
    for millimetre in range(10 * length + 1):
        x = left + round(0.001 * millimetre * per_metre)
        height = 0.006 if millimetre % 10 == 0 else 0.004 if millimetre % 5 == 0 else 0.0025
        page[top : top + round(height * per_metre), x : x + thick] = 0
    if length:
        page[top : top + thick, left : left + round(0.01 * length * per_metre) + thick] = 0
        _text(page, left, top + round(0.0105 * per_metre), per_metre, f"{10 * length} mm")


def _text(page: NDArray[np.uint8], left: int, base: int, per_metre: float, words: str) -> None:
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(0.0002 * per_metre))
    (width, height), _ = cv2.getTextSize(words, font, 1.0, 1)
    scale = min(0.003 * per_metre / height, (page.shape[1] - 2 * left) / width)
    cv2.putText(page, words, (left, base), font, scale, 0, thick, cv2.LINE_AA)


def _png(page: NDArray[np.uint8], per_metre: float) -> bytes:
    """Encode a PNG and add its resolution (chunk pHYs, PNG specification 11.3.5.3)."""
    _, encoded = cv2.imencode(".png", page)
    content = encoded.tobytes()
    resolution = round(per_metre).to_bytes(4, "big") * 2 + b"\x01"
    body = b"pHYs" + resolution
    chunk = len(resolution).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    header = 8 + 25
    return content[:header] + chunk + content[header:]


def _pdf(page: NDArray[np.uint8], per_metre: float) -> bytes:
    """Write a one-page PDF 1.4 with the image over the whole page (points are 1/72 inch)."""
    height, width = page.shape
    points = [f"{72 / 0.0254 * pixels / per_metre:.6f}" for pixels in (width, height)]
    drawing = f"q {points[0]} 0 0 {points[1]} 0 0 cm /Board Do Q".encode()
    image = zlib.compress(page.tobytes(), 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {points[0]} {points[1]}] /Contents 4 0 R "
        "/Resources << /XObject << /Board 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawing), drawing),
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (width, height, len(image), image),
    ]
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(content))
    )
