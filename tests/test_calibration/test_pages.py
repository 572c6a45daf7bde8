"""The builder of pages: text is escaped, sections without parts are left out, and every page looks alike."""

import plotly.graph_objects as go
import pytest

from calibration.pages.building import Section, legend, note, page, pictures, plot, table, verdict_list
from tests.browser import opened_page

WICKED = '<script>alert("x")</script> & <b>'


def test_text_is_escaped_wherever_it_is_put():
    parts = (
        note(WICKED),
        verdict_list([(WICKED, "bad")]),
        table([WICKED], [[WICKED]]),
        pictures([(b"jpeg", WICKED)]),
        legend([(WICKED, "red")]),
    )
    html = page(WICKED, WICKED, [Section(title=WICKED, parts=parts)])
    assert WICKED not in html
    assert "<script" not in html
    assert html.count("alert(") == 11  # each of the places above once, pictures twice, the title twice


def test_a_section_without_parts_is_left_out_and_plotly_comes_with_figures_only():
    bare = page("a", "", [Section(title="empty", parts=()), Section(title="full", parts=(note("x"),))])
    assert "empty" not in bare
    assert len(bare) < 10_000
    assert "Plotly" in page("a", "", [Section(title="b", parts=(plot(go.Figure()),))])


def test_a_total_is_bold():
    html = table(["part", "keypoint"], [["test", "nose"], ["test", "all"]], total="all")
    assert html.count('class="total"') == 1


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_page_fits_a_phone_and_is_dark_where_that_is_wished(tmp_path, width, scheme):
    rows = [[f"row {i}", *range(100_000, 100_012)] for i in range(3)]
    wide = go.Figure(go.Scatter(y=[1, 2]), layout={"width": 900})
    sections = [Section(title="t", parts=(note("n " * 300), table(["head"] * 13, rows), plot(wide)))]
    (tmp_path / "page.html").write_text(page("A title", "facts", sections), encoding="utf-8")
    with opened_page(tmp_path / "page.html") as (browser, errors):
        browser.set_viewport_size({"width": width, "height": 800})
        browser.emulate_media(color_scheme=scheme)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(int(part) for part in back[4:-1].split(",")[:3]) / 3
        assert (light < 60) == (scheme == "dark")
        assert not errors
