"""`python -m benchmarks.pages [--loads 10]`: first paint, bytes and requests of each page.

`prompt-queue up` on loopback and Debian's Chromium; each load in a browser context without a past.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.pages.running import ARGUMENTS, CHROMIUM, running

PORT = 18_490
PAGES = ("/", "/ops")
RESULT = Path(__file__).parents[1] / "results" / "pages.json"
PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length > 0"
FIGURES = """() => {
  const files = performance.getEntriesByType('resource')
  const own = files.filter(file => /[.](js|css)$/.test(new URL(file.name).pathname))
  return {
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    sent: own.reduce((sum, file) => sum + file.encodedBodySize, 0),
    unpacked: own.reduce((sum, file) => sum + file.decodedBodySize, 0),
    requests: files.length + 1,
    elsewhere: files.filter(file => new URL(file.name).origin !== location.origin).length
  }
}"""


def load(browser: Browser, url: str) -> dict[str, float]:
    """The figures of one load."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(PAINTED)
    found: dict[str, float] = page.evaluate(FIGURES)
    context.close()
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=10)
    loads = parser.parse_args().loads
    table = Table("page", "first paint, median", "worst", "css + js sent", "unpacked", "requests",
                  "to other hosts")  # fmt: skip
    kept: dict[str, Any] = {}
    with running(PORT) as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for path in PAGES:
            found = [load(browser, product.base + path) for _ in range(loads)]
            paints = [one["paint"] for one in found]
            last = found[-1]
            kept[path] = last | {"paint": statistics.median(paints), "worst": max(paints)}
            table.add_row(
                path, f"{statistics.median(paints):.0f} ms", f"{max(paints):.0f} ms",
                f"{last['sent'] / 1024:.1f} KiB", f"{last['unpacked'] / 1024:.1f} KiB",
                f"{last['requests']:.0f}", f"{last['elsewhere']:.0f}",
            )  # fmt: skip
        browser.close()
    Console().print(table)
    RESULT.write_text(json.dumps({"loads": loads, "pages": kept}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
