"""One page as a picture: `python tools/screenshot.py URL FILE --width 360 --theme dark`."""

import argparse
import shutil

from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


def main() -> None:
    """Take it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--whole", action="store_true", help="the whole page, not a window of it")
    parser.add_argument("--wait", type=float, default=0.5, help="seconds after it was loaded")
    wanted = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(
            viewport={"width": wanted.width, "height": wanted.height}, color_scheme=wanted.theme
        )
        page.goto(wanted.url)
        page.wait_for_timeout(wanted.wait * 1000)
        page.screenshot(path=wanted.file, full_page=wanted.whole)
        browser.close()


if __name__ == "__main__":
    main()
