"""A page of somebody else's with the button in it, under a policy as strict as ours."""

import html
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.e2e.stack import Stack

POLICY = "default-src 'self'; script-src 'self' 'nonce-host'; img-src 'self' data: blob:"
SECONDS = 20_000
HOST = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Somebody's page</title>
<script nonce="host">
  window.heard = []
  for (const name of ['state', 'prompt', 'picture', 'done', 'failed', 'cancelled', 'offline']) {{
    document.addEventListener(`prompt-queue:${{name}}`, ({{ detail, target, composed }}) => {{
      heard.push({{ name, composed, at: target.localName, progress: target.progress, ...detail }})
    }})
  }}
</script>
<script type="module" src="{module}"></script>
</head>
<body><main><h1>Somebody's page</h1>{button}</main></body>
</html>"""


@dataclass
class Host:
    """A page at /host of the server, with a button that has these attributes."""

    page: Page
    base: str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def markup(self) -> str:
        """The page's own source."""
        said = " ".join(f'{name}="{html.escape(value)}"' for name, value in self.attributes.items())
        button = f"<prompt-queue-generate {said}></prompt-queue-generate>"
        return HOST.format(module="/prompt-queue-generate.js", button=button)

    async def open(self, **attributes: str | None) -> "Host":
        """Serve the page and show it; names with underscores are attributes with hyphens.

        The row is one of its own, unless another one, or None for none, is given.
        """
        usual: dict[str, str | None] = {
            "row_id": attributes["row_id"] if "row_id" in attributes else await self.row(),
            "target_url": f"{self.base}/samples/astronaut.jpg",
            "cache": "off",
        }
        wanted = {**usual, **attributes}
        self.attributes = {k.replace("_", "-"): v for k, v in wanted.items() if v is not None}
        await serve(self.page.context, f"{self.base}/host", self)
        await self.page.goto("/host")
        return self

    async def row(self) -> str:
        """A row that has no job yet."""
        answer = await self.page.request.post(f"{self.base}/api/rows", data={})
        return str((await answer.json())["rowId"])

    @property
    def button(self) -> Locator:
        return self.page.get_by_role("button", name="AI Generate")

    def at(self, state: str) -> Locator:
        """The element, in a state."""
        return self.page.locator(f'prompt-queue-generate[state="{state}"]')

    def action(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    async def heard(self, name: str | None = None) -> list[dict[str, Any]]:
        """The events that the page was told of, all or those of one name."""
        told = await self.page.evaluate("heard")
        return [one for one in told if name in (None, one["name"])]

    async def states(self) -> list[str]:
        """The states in the order in which they came."""
        return [one["state"] for one in await self.heard("state")]

    async def read(self, name: str) -> Any:
        """A property of the element."""
        script = f"document.querySelector('prompt-queue-generate')[{json.dumps(name)}]"
        return await self.page.evaluate(script)


async def serve(context: BrowserContext, url: str, host: Host) -> None:
    """Answers this address with the page, on the line or off it."""

    async def answer(route: Route) -> None:
        headers = {"Content-Security-Policy": POLICY}
        await route.fulfill(body=host.markup, content_type="text/html", headers=headers)

    await context.route(url, answer)


@pytest.fixture(scope="module")
def stack(
    xai_stand_in_process: StandIn, wavespeed_stand_in_process: WaveSpeedStandIn
) -> Iterator[Stack]:
    """One worker, and stand-ins whose pace and faults the tests set."""
    running = Stack(
        {
            "XAI_API_KEY": xai_stand_in_process.api_key,
            "XAI_API_BASE": xai_stand_in_process.base_url,
            "WAVESPEED_API_KEY": wavespeed_stand_in_process.api_key,
            "WAVESPEED_API_BASE": wavespeed_stand_in_process.base_url,
            "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
            "PROMPT_QUEUE_PICTURE_STAND_IN": "true",
            "PROMPT_QUEUE_MAX_RETRIES": "1",
            "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "20",
        }
    ).up()
    yield running
    running.close()


@pytest.fixture
def host(page: Page, stack: Stack) -> Host:
    """Not open yet."""
    return Host(page, stack.base)


def is_forward(numbers: list[float]) -> bool:
    """Whether none is smaller than the one before."""
    return all(one <= after for one, after in itertools.pairwise(numbers))
