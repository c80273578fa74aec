"""Hostile strings in the button, on another origin's page that has no policy to save it."""

import html
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.hostile_eyes import ADDRESSES, ALL, Eyes, eyes
from tests.browser.operator import SOON
from tests.e2e.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = "2026-03-14T10:00:00Z"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Another site</title>
<script type="module" src="{base}/prompt-queue-generate.js"></script></head>
<body><h1>Another site</h1>{buttons}</body></html>"""
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "*",
}
WORDS = (
    "instructions", "existing-prompt", "target-url", "text-idle", "text-region", "generation-model",
)  # fmt: skip
Said = dict[str, Any]


class Site(BaseHTTPRequestHandler):
    """One page, and no headers that would protect it."""

    body = ""

    def do_GET(self) -> None:
        """The page, under every address."""
        sent = self.body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest_asyncio.fixture(loop_scope="module")
async def seen(page: Page, site: str) -> AsyncIterator[Eyes]:
    """From before the first page; a tall window, since buttons ask when they are in sight."""
    await page.set_viewport_size({"width": 1280, "height": 4000})
    await page.emulate_media(reduced_motion="reduce")
    async with eyes(page, site) as looking:
        yield looking


async def serve(
    seen: Eyes,
    stack: Stack,
    answer: Callable[[Route, str, int], tuple[int, Said]],
    *,
    mode: str = "prompt",
    kept: bool = False,
) -> None:
    """A page with a button for each string, whose server says what `answer` gives for it.

    `kept`: the tab remembers a job for each of them.
    """
    page = seen.page
    buttons = ""
    for n, one in enumerate(ALL):
        facts = {"api": stack.base, "mode": mode, "row-id": str(n), "ref-urls": f"/x {one}"}
        facts |= dict.fromkeys(WORDS, one)
        said = " ".join(f'{name}="{html.escape(value)}"' for name, value in facts.items())
        buttons += f"<prompt-queue-generate {said}></prompt-queue-generate>\n"

    async def api(route: Route) -> None:
        if route.request.method == "OPTIONS":
            await route.fulfill(status=204, headers=CORS)
            return
        body = json.loads(route.request.post_data or "{}")
        path = route.request.url.removeprefix(stack.base).partition("?")[0].split("/")
        n = int(body.get("rowId") or next((part for part in path if part.isdigit()), -1))
        status, said = answer(route, ALL[n], n)
        kind = "application/problem+json" if status >= 400 else "application/json"
        await route.fulfill(status=status, headers=CORS, content_type=kind, body=json.dumps(said))

    Site.body = PAGE.format(base=stack.base, buttons=buttons)
    await page.route(f"{stack.base}/api/**", api)
    if kept:
        past = {
            f"prompt-queue.generate {stack.base} {mode} {n}": json.dumps({"id": str(n)})
            for n in range(len(ALL))
        }
        await page.add_init_script(f"Object.assign(sessionStorage, {json.dumps(past)})")
    await page.goto(f"{seen.base}/")


async def shows(page: Page, state: str) -> None:
    """All of them have come to this state."""
    buttons = page.locator(f'prompt-queue-generate[state="{state}"]')
    await expect(buttons).to_have_count(len(ALL), timeout=SOON)


async def each(page: Page, script: str) -> None:
    """Does something with every button."""
    await page.evaluate(
        f"document.querySelectorAll('prompt-queue-generate').forEach(one => {{ {script} }})"
    )


def gone(_: Route, text: str, __: int) -> tuple[int, Said]:
    """Nothing is there, and the reason is in the string."""
    return 404, {"type": "about:blank", "title": text, "status": 404, "detail": text, "code": text}


async def test_words_of_the_page_and_of_a_refusal_are_text(
    page: Page, seen: Eyes, stack: Stack
) -> None:
    """What stands on the button, what the server refuses with, and a prompt of one's own."""
    await serve(seen, stack, gone)
    await shows(page, "idle")
    await seen.sees()
    await seen.harmless()
    await each(page, "one.removeAttribute('text-idle'); one.start()")
    await shows(page, "failed")
    await seen.sees()
    await seen.harmless()


def told(**fields: Any) -> Said:
    """A job as the server tells of it."""
    return {
        "status": "processing",
        "targetUrl": "/x",
        "createdAt": NOW,
        "updatedAt": NOW,
        "refUrls": [],
    } | fields


async def test_pieces_and_prompts_are_text(page: Page, seen: Eyes, stack: Stack) -> None:
    """While it is written, when it is there, and where it is edited."""
    writing = {"is": True}

    def answer(route: Route, text: str, n: int) -> tuple[int, Said]:
        if route.request.url.endswith("/events"):
            return 501, {"title": "no streams", "status": 501}
        job = told(promptJobId=str(n), targetUrl=text)
        if writing["is"]:
            return 200, job | {"partialPrompt": text, "nextPollMs": 100}
        return 200, job | {
            "status": "completed",
            "generatedPrompt": text,
            "source": "model",
            "standIn": True,
        }

    await serve(seen, stack, answer, kept=True)
    await shows(page, "writing")
    await seen.sees()
    await seen.harmless()
    writing["is"] = False
    await shows(page, "done")
    await seen.sees()
    await seen.harmless()
    await each(page, "one.shadowRoot.querySelector('[part~=action-change]').click()")
    await seen.sees()
    await seen.harmless()


async def test_errors_and_reasons_are_text(page: Page, seen: Eyes, stack: Stack) -> None:
    """Why a job failed, by its sentence and by its class."""

    def answer(_: Route, text: str, n: int) -> tuple[int, Said]:
        return 200, told(
            promptJobId=str(n),
            status="failed",
            error=text,
            errorCode=text,
            waitingReason={"code": text},
        )

    await serve(seen, stack, answer, kept=True)
    await shows(page, "failed")
    await seen.sees()
    await seen.harmless()
    await each(page, "one.shadowRoot.querySelector('[part~=action-own]').click()")
    await seen.sees()
    await seen.harmless()


async def test_pictures_lead_only_where_pictures_are(page: Page, seen: Eyes, stack: Stack) -> None:
    """An address that is no http is no link and no picture; the prompt beside it is text."""
    fit = f"{stack.base}/samples/cat.jpg"
    strange = [one for one in ADDRESSES if "evil.example" not in one]

    def answer(_: Route, text: str, n: int) -> tuple[int, Said]:
        made = [{"number": 1, "url": strange[n % len(strange)]}, {"number": 2, "url": fit}]
        return 200, told(
            jobId=str(n),
            status="succeeded",
            prompt=text,
            pictures=made,
            count=2,
            targetUrl=strange[n % len(strange)],
        )

    await serve(seen, stack, answer, mode="picture", kept=True)
    await shows(page, "done")
    await seen.sees()
    await seen.harmless(stack.base)
    tiles = page.locator("prompt-queue-generate .tile")
    links = await tiles.evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert links.count(fit) == len(ALL)
    assert links.count(None) > len(ALL) / 2
