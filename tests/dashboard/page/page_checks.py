"""Checks that every page passes: accessibility and layout, in both widths and themes."""

from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS: Final = (1280, 360)
_WIDE, _NARROW = WIDTHS
EACH_WIDTH_AND_THEME: Final = pytest.mark.parametrize(
    ("width", "theme"),
    [
        (_WIDE, "dark"),
        (_NARROW, "light"),
        pytest.param(_WIDE, "light", marks=pytest.mark.oracle),
        pytest.param(_NARROW, "dark", marks=pytest.mark.oracle),
    ],
)
_ONLY_VIOLATIONS: Final = {"resultTypes": ["violations"]}  # describing what passes takes three times as long
_BEYOND: Final = """() => [...document.querySelectorAll("button, dd, dt, label, select, figcaption span, #status-word")]
    .filter((element) => element.offsetParent && element.clientWidth
        && element.getBoundingClientRect().right > innerWidth + 0.5)
    .map((element) => element.outerHTML)"""


def violations(page: Page) -> list[str]:
    """Returns the accessibility rules that the page violates, with the elements."""
    found = Axe().run(page, options=_ONLY_VIOLATIONS).response["violations"]
    return [f"{item['id']}: {node['html']}" for item in found for node in item["nodes"]]


def overflowing_elements(page: Page) -> list[str]:
    """Returns texts and controls that extend beyond the window's right edge."""
    found: list[str] = page.evaluate(_BEYOND)
    return found
