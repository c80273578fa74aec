"""The button in examples/plain-html: another origin, and a server that asks who it is."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.e2e.stack import Stack
from tests.identity.project import LEGACY_SECRET, claims_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLE = Path(__file__).parents[2] / "examples" / "plain-html"
SERVER = "http://127.0.0.1:8080"
DEMO_ROW = "00000000-0000-4000-a000-000000000003"
ISSUER = "https://project.example.com/auth/v1"
SECONDS = 30_000


class Site(SimpleHTTPRequestHandler):
    """The example as `python -m http.server` has it, with other addresses in it."""

    replaced: dict[str, str]

    def do_GET(self) -> None:
        """A file of the folder."""
        path = EXAMPLE / (self.path.partition("?")[0].strip("/") or "index.html")
        if not path.is_file():
            self.send_error(404)
            return
        text = path.read_text("utf-8")
        for before, after in self.replaced.items():
            text = text.replace(before, after)
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def open_site() -> tuple[ThreadingHTTPServer, type[Site]]:
    """A site of its own origin; what it replaces is still to be said."""
    handler = type("TheSite", (Site,), {"replaced": {}})
    site = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    return site, handler


def origin(site: ThreadingHTTPServer) -> str:
    """As browsers write it."""
    return f"http://127.0.0.1:{site.server_port}"


@pytest.fixture(scope="module")
def sites() -> Iterator[list[tuple[ThreadingHTTPServer, type[Site]]]]:
    """One that the server lets in, and one that it does not."""
    both = [open_site(), open_site()]
    yield both
    for site, _ in both:
        site.shutdown()
        site.server_close()


@pytest.fixture(scope="module")
def stack(sites: list[tuple[ThreadingHTTPServer, type[Site]]]) -> Iterator[Stack]:
    """Tokens of a project with a legacy secret, and one origin on the list."""
    running = Stack(
        {
            "SUPABASE_JWT_SECRET": LEGACY_SECRET,
            "PROMPT_QUEUE_TOKEN_ISSUER": ISSUER,
            "PROMPT_QUEUE_ALLOWED_ORIGINS": origin(sites[0][0]),
        }
    ).up()
    yield running
    running.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def user(stack: Stack, sites: list[tuple[ThreadingHTTPServer, type[Site]]]) -> UUID:
    """Somebody in auth.users, with a row that the pages name."""
    someone = uuid4()
    await stack.sql("insert into auth.users (id) values ($1)", someone)
    shown = {"Authorization": f"Bearer {token(someone)}"}
    row = stack.request("POST", "/api/rows", {}, shown).body["rowId"]
    for _, handler in sites:
        handler.replaced = {SERVER: stack.base, DEMO_ROW: row}
    return someone


def token(user: UUID, **changes: Any) -> str:
    """What Supabase would sign for a user."""
    return jwt.encode(claims_of(user, ISSUER, **changes), LEGACY_SECRET, "HS256")


async def sign_in(context: BrowserContext, text: str) -> None:
    """The page finds it where it looks for it."""
    await context.add_init_script(f"sessionStorage.setItem('access-token', '{text}')")


async def test_the_whole_job_from_another_origin(
    context: BrowserContext, page: Page, user: UUID, sites: list[Any]
) -> None:
    """The page's own token opens; the prompt arrives by a stream, and the form has it."""
    await sign_in(context, token(user))
    await page.goto(origin(sites[0][0]))
    await page.get_by_label("What should change?").fill("A warmer evening light")
    await page.get_by_role("button", name="AI Generate").click()
    button = page.locator('prompt-queue-generate[state="done"]')
    await expect(button).to_be_visible(timeout=SECONDS)
    await expect(page.locator("output")).to_contain_text("The form has the prompt of")
    await page.get_by_role("button", name="Generate", exact=True).click()
    prompt = await button.evaluate("one => one.prompt")
    assert prompt
    await expect(page.locator("output")).to_have_text(f"Sent: {prompt}")
    assert await violations(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.reload()
    await expect(button).to_be_visible(timeout=SECONDS)


async def test_who_is_not_signed_in_is_told_so(page: Page, user: UUID, sites: list[Any]) -> None:
    """In a sentence with a way out: who signs in and tries again gets the prompt."""
    await page.goto(origin(sites[0][0]))
    await page.get_by_role("button", name="AI Generate").click()
    await expect(page.get_by_text("You are not signed in, or not any more.").first).to_be_visible()
    await page.evaluate("text => sessionStorage.setItem('access-token', text)", token(user))
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator('prompt-queue-generate[state="done"]')).to_be_visible(timeout=SECONDS)


async def test_a_token_that_ran_out_is_asked_for_again(
    page: Page, user: UUID, sites: list[Any]
) -> None:
    """Once, with `refresh`; a page may also answer the event instead of giving a callback."""
    await page.goto(origin(sites[0][0]))
    await page.evaluate(
        """([old, fresh]) => {
          window.asked = []
          const button = document.querySelector('prompt-queue-generate')
          document.addEventListener('prompt-queue:token', ({ detail }) => {
            asked.push(detail.refresh)
            detail.respondWith(Promise.resolve(asked.includes(true) ? fresh : old))
          })
          button.token = null
        }""",
        [token(user, exp=1), token(user)],
    )
    await page.get_by_role("button", name="AI Generate").click()
    await expect(page.locator('prompt-queue-generate[state="done"]')).to_be_visible(timeout=SECONDS)
    asked = await page.evaluate("asked")
    assert asked.count(True) in {1, 2}
    assert not asked[0]


async def test_a_page_that_is_not_on_the_list_is_told_so(
    context: BrowserContext, user: UUID, sites: list[Any]
) -> None:
    """Not that the server is away: it is there, and does not let this page in."""
    await sign_in(context, token(user))
    page = await context.new_page()
    await page.goto(origin(sites[1][0]))
    await page.get_by_role("button", name="AI Generate").click()
    sentence = f"The server does not let pages of {origin(sites[1][0])} in."
    await expect(page.get_by_text(sentence).first).to_be_visible(timeout=SECONDS)
    await page.close()
