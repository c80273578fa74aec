"""`make screenshots`: drives the whole job in the studio and writes docs/images/studio-*.png."""

import io
import json
import urllib.request
from pathlib import Path

from benchmarks.pages.running import ARGUMENTS, CHROMIUM, Running, running
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

PORT = 18_491
FOLDER = Path(__file__).parent.parent / "docs" / "images"
MOST_BYTES = 150_000
PATIENCE = 60_000
SHOWN = """() => {
  const photos = [...document.querySelectorAll('pq-row-card img')]
  return Promise.all(photos.filter(photo => photo.checkVisibility()).map(photo => photo.decode()))
}"""


def keep(page: Page, name: str) -> None:
    """The window as a picture with as many colours as fit into the bytes."""
    page.mouse.move(0, 0)
    whole = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    for colours in (256, 160, 96, 64):
        buffer = io.BytesIO()
        whole.quantize(colours).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= MOST_BYTES:
            break
    (FOLDER / f"studio-{name}.png").write_bytes(buffer.getvalue())
    print(f"studio-{name}.png  {buffer.tell() / 1024:.0f} KiB")


def slowly(product: Running) -> None:
    """The next answer of the stand-in comes word by word."""
    script = json.dumps([{"fault": "drip", "seconds": 6}]).encode()
    headers = {"Content-Type": "application/json"}
    url = f"{product.xai_stand_in}/admin/faults"
    urllib.request.urlopen(urllib.request.Request(url, script, headers)).close()


def ordered(page: Page, target: str, reference: str, words: str) -> None:
    """Photographs and words on the first sheet."""
    page.goto("/")
    if not page.get_by_label("What should change?").is_visible():
        page.get_by_role("button", name="Put picture 1 away").click()
    for name in (target, reference):
        page.get_by_role("button", name=f"Sample photograph: {name}").click()
    page.get_by_label("What should change?").fill(words)
    page.evaluate(SHOWN)


def painted(page: Page) -> None:
    """The picture is there, and its photographs are shown."""
    expect(page.get_by_role("link", name="Open the picture")).to_be_visible(timeout=PATIENCE)
    page.evaluate(SHOWN)
    expect(page.locator(".history-entry .badge")).to_have_count(0, timeout=PATIENCE)


def wide(browser: Browser, product: Running) -> None:
    """The whole job, light, then its end in the dark."""
    context = browser.new_context(
        base_url=product.base, viewport={"width": 1200, "height": 860}, color_scheme="light"
    )
    page = context.new_page()
    ordered(page, "astronaut", "coffee", "Let the suit take the colours of the cup")
    keep(page, "order")
    slowly(product)
    page.get_by_role("button", name="AI Generate").click()
    words = page.locator(".progress-text")
    expect(words).to_contain_text("image", timeout=PATIENCE)
    keep(page, "writing")
    prompt = page.get_by_role("textbox", name="The prompt")
    expect(prompt).to_be_visible(timeout=PATIENCE)
    keep(page, "prompt")
    page.get_by_role("button", name="Make the picture").click()
    painted(page)
    page.get_by_role("button", name="Good", exact=True).locator("visible=true").click()
    keep(page, "picture")
    page.emulate_media(color_scheme="dark")
    keep(page, "dark")
    page.emulate_media(color_scheme="light")
    for target in ("cat", "coffee"):
        ordered(page, target, "astronaut", "")
        page.get_by_label("Make the picture at once").check()
        page.get_by_role("button", name="AI Generate").click()
        painted(page)
        page.get_by_role("button", name="Put picture 1 away").click()
    page.locator("pq-history").evaluate("history => history.scrollIntoView({ block: 'end' })")
    keep(page, "history")
    context.close()


def narrow(browser: Browser, product: Running) -> None:
    """On a telephone."""
    context = browser.new_context(
        base_url=product.base, viewport={"width": 360, "height": 740}, color_scheme="light"
    )
    page = context.new_page()
    ordered(page, "cat", "coffee", "Warmer")
    page.evaluate("scrollTo(0, 0)")
    keep(page, "telephone")
    page.get_by_role("button", name="AI Generate").click()
    page.get_by_role("button", name="Make the picture").click(timeout=PATIENCE)
    painted(page)
    page.emulate_media(color_scheme="dark")
    page.evaluate("scrollTo(0, 120)")
    keep(page, "telephone-dark")
    context.close()


def main() -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with running(PORT) as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        wide(browser, product)
        narrow(browser, product)
        browser.close()


if __name__ == "__main__":
    main()
