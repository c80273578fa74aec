"""axe-core over a page, in both themes."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

THEMES = ("light", "dark")
# Colours of the theme before, half-way to those of this one, are nobody's contrast.
SETTLED = """async () => {
  const frame = () => new Promise(requestAnimationFrame)
  await frame()
  await frame()
  await Promise.allSettled(document.getAnimations().map(one => one.finished))
}"""


async def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe-core finds, a line each, in the light theme and in the dark one.

    `within`: a selector, where only a part of the page is meant.
    """
    found = []
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.evaluate(SETTLED)
        results = await Axe().run(page, context=within)
        for one in results.response["violations"]:
            nodes = "; ".join(node["html"][:160] for node in one["nodes"][:5])
            found.append(f"{theme}: {one['id']} ({one['help']}): {nodes}")
    return found
