"""An operator's hands and eyes on the dashboard."""

from collections.abc import Mapping
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.e2e.stack import Stack

SOON = 30_000
"""Milliseconds in which what was done has to be seen: a look every five seconds, and the work."""


async def press(page: Page, button: str, *, yes: str, reason: str = "") -> None:
    """A button of the page, then the one of the question that it asks."""
    await page.get_by_role("button", name=button, exact=True).click()
    await answer(page, yes=yes, reason=reason)


async def answer(page: Page, *, yes: str, reason: str = "") -> None:
    """Say yes to the question that is asked."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason, for whoever looks later").fill(reason)
    await dialog.get_by_role("button", name=yes, exact=True).click()


async def told(page: Page, words: str) -> None:
    """The page says how it went."""
    await expect(page.locator(".toast").filter(has_text=words)).to_be_visible(timeout=SOON)


async def waits(page: Page, job_id: str, title: str) -> Locator:
    """Opens a job's page, which says why it waits."""
    await page.goto(f"/ops/jobs/{job_id}")
    why = page.get_by_role("region", name=title, exact=True)
    await expect(why).to_be_visible(timeout=SOON)
    return why


async def ends(page: Page, status: str = "completed") -> None:
    """The page of a job shows, by itself, that the job has ended."""
    await expect(page.locator(".job-head .badge")).to_have_text(status, timeout=SOON)
    await expect(page.get_by_text("Why it waits")).to_be_hidden()


def act(stack: Stack, path: str, body: Mapping[str, Any]) -> Any:
    """What another operator presses meanwhile."""
    said = stack.request("POST", path, dict(body))
    assert said.status == 200, said
    return said.body


def audit(stack: Stack) -> list[dict[str, Any]]:
    """The acts on record, the latest first."""
    return list(stack.get("/api/ops/audit").body["data"])
