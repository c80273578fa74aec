"""A real browser in front of the whole product."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.e2e.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium"
# It is the test's own pages that may load; Chromium's errands to its maker are switched off.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """`prompt-queue up` with one worker and both stand-ins."""
    running = Stack().up()
    yield running
    running.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; a developer's machine may lack it and skips the test, CI has it."""
    if not os.path.exists(CHROMIUM) and "CI" not in os.environ:  # noqa: PTH110
        pytest.skip("Debian's chromium is not installed")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, stack: Stack) -> AsyncIterator[BrowserContext]:
    """A browser without a past."""
    fresh = await browser.new_context(base_url=stack.base, viewport={"width": 1280, "height": 800})
    fresh.set_default_timeout(15_000)
    yield fresh
    await fresh.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab; at the end the test fails for an error on the console or a refusal of the policy."""
    tab = await context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: _hear(complaints, line.type, line.text))
    yield tab
    await tab.close()
    assert not complaints, complaints


def _hear(complaints: list[str], kind: str, text: str) -> None:
    # A refused request is what some tests are about; the browser reports it by itself.
    if kind == "error" and not text.startswith("Failed to load resource"):
        complaints.append(text)
