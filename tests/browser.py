"""A headless Chromium for the tests, or a reason to skip."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest


def chromium_path() -> str | None:
    """Where Chromium is: $CHROMIUM, or on the search path."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def opened_page(path: Path):
    """Open a file in a page without network; yields the page and the list of its errors."""
    with opened_url(path.resolve().as_uri(), offline=True) as (page, errors):
        yield page, errors


@contextmanager
def opened_url(url: str, *, offline: bool = False):
    """Open an address in a page; yields the page and the list of its errors."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = chromium_path()
    if chromium is None:
        pytest.skip("no Chromium on this machine (set CHROMIUM to its path)")
    flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        context = browser.new_context(offline=offline, viewport={"width": 1100, "height": 800})
        page = context.new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            page.goto(url, timeout=120_000)  # a busy machine takes long to parse Plotly
            yield page, errors
        finally:
            browser.close()
