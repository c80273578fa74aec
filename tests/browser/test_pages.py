"""Every page, as a browser shows it."""

import pytest
from playwright.async_api import Page

from tests.browser.axe import violations

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGES = ("/", "/ops", "/design")


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_shuts_anybody_out(page: Page, path: str) -> None:
    """axe-core finds nothing, in either theme."""
    await page.goto(path)
    assert await violations(page) == []


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_fits_a_telephone(page: Page, path: str) -> None:
    """At 360 pixels nothing has to be scrolled sideways."""
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(path)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_asks_another_host(page: Page, path: str) -> None:
    """Every request goes to the server that the page came from."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = await page.goto(path)
    assert answer is not None
    base = answer.url.removesuffix(path)
    assert asked
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
