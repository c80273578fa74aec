"""The dashboard as pictures, docs/images/ops-*.png: of a stack with load, a pause and failures.

`python -m tools.ops_pictures` starts `prompt-queue up` with both stand-ins on a free port.
"""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from tests.browser.conftest import CHROMIUM, QUIET
from tests.e2e.stack import Stack, wait_for

IMAGES: Final = Path(__file__).parents[1] / "docs/images"
_SAMPLES: Final = ("astronaut", "coffee", "cat")
# An hour of a studio's day: what came and went in each minute, as sum_up_prompt_queue() leaves it.
_HOUR: Final = """
insert into prompt_queue_minutes (minute, name, label, value)
select date_trunc('minute', clock_timestamp()) - make_interval(mins => n), v.name, v.label, v.value
from generate_series(1, 60) as n, lateral (
  values ('queued', '', 18 + round(10 * sin(n / 6.0)) + n * 7 % 5),
    ('completed', 'model', 17 + round(10 * sin((n + 2) / 6.0)) + n * 5 % 4),
    ('failed', 'timeout', (n % 13 = 0)::int)
) as v (name, label, value)
on conflict (minute, name, label) do update set value = excluded.value
"""


def main() -> None:
    """Take them all."""
    stack = Stack({"PROMPT_QUEUE_CACHE_SECONDS": "0"}).up()
    try:
        waiting = _load(stack)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            for name, path, width, theme in _shots(waiting):
                page = browser.new_page(
                    viewport={"width": width, "height": 800}, color_scheme=theme
                )
                _take(page, f"{stack.base}{path}", IMAGES / f"ops-{name}.png", width > 400)
                page.close()
            browser.close()
    finally:
        stack.close()


def _shots(waiting: str) -> Iterator[tuple[str, str, int, Any]]:
    yield "overview-light", "/ops", 1280, "light"
    yield "overview-dark", "/ops", 1280, "dark"
    yield "overview-360", "/ops", 360, "light"
    yield "jobs", "/ops/jobs", 1280, "light"
    yield "job", f"/ops/jobs/{waiting}", 1280, "light"


def _load(stack: Stack) -> str:
    """Jobs of several priorities, one of which waits; returns its id."""
    targets = [f"{stack.base}/samples/{name}.jpg" for name in _SAMPLES]
    done = [
        stack.enqueue(targets[number % len(targets)], priority=1 + number % 10)
        for number in range(24)
    ]
    for job_id in done:
        stack.final(job_id)
    asyncio.run(_an_hour_before(stack))
    pause = {"band": "low", "reason": "Weekend jobs wait until Monday"}
    assert stack.request("POST", "/api/prompt/queue/pause", pause).status == 200
    for number in range(9):
        waiting = stack.enqueue(targets[number % len(targets)], priority=1 + number % 3)
    wait_for(lambda: stack.job(waiting)["waitingReason"], 10, "it waits")
    return waiting


async def _an_hour_before(stack: Stack) -> None:
    await stack.sql(_HOUR)


def _take(page: Page, url: str, file: Path, whole: bool) -> None:
    page.goto(url)
    page.get_by_text("As of").wait_for()
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)
    taken = Image.open(BytesIO(page.screenshot(full_page=whole)))
    taken.convert("RGB").quantize(160).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
