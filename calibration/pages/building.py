"""Pages and their parts. Text is escaped here and nowhere else: parts are markup, everything else is text."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, Template
from markupsafe import Markup

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled part of a page.

    Attributes
    ----------
    title : str
    parts : tuple of Markup
        As the functions of this module make them, from top to bottom.
    """

    title: str
    parts: tuple[Markup, ...]


def page(title: str, facts: str, sections: Iterable[Section]) -> str:
    """Compose a page that needs no network; a section without parts is left out.

    Parameters
    ----------
    title : str
    facts : str
        One line below the title.
    sections : iterable of Section

    Returns
    -------
    html : str

    Examples
    --------
    >>> html = page("A < B", "2 cameras", [Section(title="In short", parts=(note("all is well"),))])
    >>> "<h1>A &lt; B</h1>" in html
    True
    """
    shown = [section for section in sections if section.parts]
    drawn = any('class="plot"' in part for section in shown for part in section.parts)
    return _template("page.html").render(
        title=title, facts=facts, sections=shown, style=_style(), script=_plotly() if drawn else ""
    )


def note(text: str) -> Markup:
    """Return a paragraph in small print.

    Parameters
    ----------
    text : str

    Returns
    -------
    part : Markup

    Examples
    --------
    >>> note("x < 2 px")
    Markup('<p class="note">x &lt; 2 px</p>')
    """
    return Markup('<p class="note">{}</p>').format(text)


def verdict_list(said: Iterable[tuple[str, str]]) -> Markup:
    """Return verdicts as a list.

    Parameters
    ----------
    said : iterable of (str, str)
        A sentence, and "good", "bad" or "plain".

    Returns
    -------
    part : Markup
    """
    items = Markup("").join(Markup('<li class="{}">{}</li>').format(judged, text) for text, judged in said)
    return Markup('<ul class="verdicts">{}</ul>').format(items)


def table(
    head: Sequence[str], rows: Iterable[Iterable[object]], *, wide: bool = False, total: str = ""
) -> Markup:
    """Return a table, whose first column is text and the others are numbers.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of iterable of object
        Written as str does.
    wide : bool
        Whether to print it smaller.
    total : str
        Rows that have this in their second column are set in bold.

    Returns
    -------
    part : Markup
    """
    top = Markup("").join(Markup("<th>{}</th>").format(cell) for cell in head)
    body = Markup("").join(_row([str(cell) for cell in row], total) for row in rows)
    style = Markup(' class="wide"') if wide else Markup("")
    return Markup(
        '<div class="scroll"><table{}><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(style, top, body)


def _row(cells: Sequence[str], total: str) -> Markup:
    bold = Markup(' class="total"') if total and total in cells[1:2] else Markup("")
    return Markup("<tr{}>{}</tr>").format(
        bold, Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
    )


def plot(figure: "go.Figure", height: int | None = None) -> Markup:
    """Return a figure of Plotly.

    Parameters
    ----------
    figure : plotly Figure
    height : int, px, optional
        In place of the figure's own.

    Returns
    -------
    part : Markup
    """
    if height is not None:
        figure.update_layout(height=height)
    config = {"displaylogo": False, "responsive": True}
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, auto_play=False, config=config)
    return Markup('<div class="plot">{}</div>').format(Markup(drawn))  # which escapes for itself


def pictures(shown: Iterable[tuple[bytes, str]]) -> Markup:
    """Return JPEG pictures side by side.

    Parameters
    ----------
    shown : iterable of (bytes, str)
        Each picture and its caption.

    Returns
    -------
    part : Markup
    """
    figures = Markup("").join(
        Markup(
            '<figure><img src="data:image/jpeg;base64,{}" alt="{}"><figcaption>{}</figcaption></figure>'
        ).format(base64.b64encode(jpeg).decode(), caption, caption)
        for jpeg, caption in shown
    )
    return Markup('<div class="pictures">{}</div>').format(figures)


def legend(colours: Iterable[tuple[str, str]]) -> Markup:
    """Return names with dots of their colours.

    Parameters
    ----------
    colours : iterable of (str, str)
        Name and CSS colour.

    Returns
    -------
    part : Markup
    """
    items = Markup("").join(
        Markup('<span><i style="background:{}"></i>{}</span>').format(colour, name)
        for name, colour in colours
    )
    return Markup('<p class="legend">{}</p>').format(items)


@cache
def _template(name: str) -> Template:
    text = files("calibration.pages").joinpath(name).read_text(encoding="utf-8")
    return Environment(autoescape=True).from_string(text)


@cache
def _style() -> Markup:
    return Markup(files("calibration.pages").joinpath("style.css").read_text(encoding="utf-8"))


@cache
def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())
