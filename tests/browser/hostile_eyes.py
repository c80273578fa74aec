"""What a page must not have done with a hostile string, and whether it shows it."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import Dialog, Page, Route

from tests.e2e.stack import Stack
from tests.output.hostile import HOSTILE

ALL: Final = tuple(HOSTILE.values())
ADDRESSES: Final = (
    *(text for name, text in HOSTILE.items() if "link" in name or name == "path"),
    "https://evil.example/x.png",
    "//evil.example/x.png",
    "http://[",
    "vbscript:window.pwned=20",
    "data:image/svg+xml,<svg onload='window.pwned=21'>",
    "\x01javascript:window.pwned=22",
)
"""What may stand where an address belongs: other schemes, other hosts, and no addresses at all."""
LOOK: Final = (Path(__file__).parent / "eyes.js").read_text("utf-8")
WATCH: Final = """
window.violated = []
document.addEventListener('securitypolicyviolation',
  event => violated.push(`against the policy: ${event.violatedDirective}`))
"""


def squashed(text: str) -> str:
    """Without the blanks, of which a page or the store may take some."""
    return "".join(text.split())


@dataclass
class Eyes:
    """Looks at one page from before it loads."""

    page: Page
    base: str
    """The origin that the page stays at."""
    wrong: list[str] = field(default_factory=list)

    async def ask(self, question: str, facts: object = None) -> Any:
        """What one of the functions of eyes.js finds."""
        return await self.page.evaluate(f"facts => {LOOK.strip()}.{question}(facts)", facts)

    async def harmless(self, *hosts: str) -> None:
        """Nothing was run, asked for, made, turned around or stretched, also on a telephone.

        `hosts`: where pictures may lie besides the page's own origin.
        """
        assert not self.wrong, self.wrong
        found = await self.ask("harm", {"strings": list(ALL), "hosts": [self.base, *hosts]})
        assert not found, found[:5]
        before = self.page.viewport_size
        assert before is not None
        await self.page.set_viewport_size({"width": 360, "height": before["height"]})
        wide = await self.ask("wide")
        await self.page.set_viewport_size(before)
        assert not wide, wide

    async def sees(self, texts: Iterable[str] = ALL) -> None:
        """Each of them stands there, letter for letter."""
        shown = squashed(await self.ask("text"))
        missing = [text[:60] for text in texts if squashed(text) not in shown]
        assert not missing, (missing, len(shown))


@contextlib.asynccontextmanager
async def eyes(page: Page, base: str) -> AsyncIterator[Eyes]:
    """Records what no page may do; what would leave this machine is stopped on its way."""
    seen = Eyes(page, base)

    async def keep(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("data", "blob") or address.hostname == "127.0.0.1":
            await route.fallback()
            return
        seen.wrong.append(f"asked for {route.request.url}")
        await route.abort()

    def moved(address: str) -> None:
        if not address.startswith((base, "about:blank")):
            seen.wrong.append(f"went to {address}")

    async def spoke(dialog: Dialog) -> None:
        seen.wrong.append(f"said {dialog.message}")
        await dialog.dismiss()

    await page.context.route("**/*", keep)
    await page.add_init_script(WATCH)
    page.on("dialog", spoke)
    page.on("framenavigated", lambda frame: moved(frame.url))
    page.on("popup", lambda _: seen.wrong.append("opened a window"))
    yield seen
    assert not seen.wrong, seen.wrong


@pytest_asyncio.fixture(loop_scope="module")
async def seen(page: Page, stack: Stack) -> AsyncIterator[Eyes]:
    """Looks at a page of ours, from before the first one."""
    async with eyes(page, stack.base) as looking:
        yield looking
