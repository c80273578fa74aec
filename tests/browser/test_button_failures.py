"""What the button offers when something did not work, and how it looks and sounds."""

import pytest
from playwright.async_api import Page, expect

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.browser.axe import violations
from tests.browser.button_host import SECONDS, Host, host, stack
from tests.e2e.stack import Stack

__all__ = ["host", "stack"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
# An attempt and its one retry.
DOWN = {"fault": "status", "status": 503, "times": 2}


@pytest.fixture(autouse=True)
def healthy(stack: Stack) -> None:
    """What failed in the test before is forgotten: the breakers count from the beginning."""
    for model in stack.get("/api/health").body["models"]:
        for state in ("open", "closed"):
            said = {"model": model["model"], "state": state}
            assert stack.request("POST", "/api/prompt/queue/breaker", said).status == 200


async def fail(host: Host, **attributes: str) -> None:
    """Press, and wait until it did not work."""
    await host.open(**{"min_quality": "model", **attributes})
    await host.button.click()
    await expect(host.at("failed")).to_be_visible(timeout=SECONDS)


async def test_try_again(host: Host, xai_stand_in: StandIn) -> None:
    """The same job is put back, and this time it works."""
    xai_stand_in.script(DOWN)
    await fail(host)
    (failed,) = await host.heard("failed")
    assert failed["code"] == "provider_unavailable"
    assert failed["actions"] == ["again", "template", "own"]
    await expect(host.page.get_by_text(failed["error"], exact=True)).to_be_visible()
    assert await violations(host.page) == []
    await host.action("Try again").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert await host.read("promptJobId") == failed["promptJobId"]


async def test_take_a_template(host: Host, xai_stand_in: StandIn) -> None:
    """A new request may fall back, and says so."""
    xai_stand_in.script({**DOWN, "times": -1})
    await fail(host)
    await host.action("Take a template if need be").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    await expect(host.page.get_by_text("From a template")).to_be_visible()
    (done,) = await host.heard("done")
    assert done["source"] == "template"


async def test_write_it_yourself(host: Host, stack: Stack, xai_stand_in: StandIn) -> None:
    """The failed job is completed with one's own words; none are no prompt."""
    xai_stand_in.script(DOWN)
    await fail(host)
    await host.action("Write it yourself").click()
    area = host.page.get_by_label("Your prompt")
    await expect(area).to_be_focused()
    await host.action("Use this prompt").click()
    await expect(host.page.get_by_role("alert")).to_have_text("Write what is to be changed.")
    assert await violations(host.page) == []
    await area.fill("Make it evening.")
    await host.action("Use this prompt").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    job = stack.job(await host.read("promptJobId"))
    assert (job["generatedPrompt"], job["source"]) == ("Make it evening.", "manual")


async def test_keep_my_prompt(host: Host, xai_stand_in: StandIn) -> None:
    """Where there was one to make better, it will do."""
    xai_stand_in.script(DOWN)
    await fail(host, existing_prompt="Make it warmer.")
    await host.action("Keep my prompt").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert await host.read("prompt") == "Make it warmer."


async def test_a_refusal_is_not_worked_around(host: Host, xai_stand_in: StandIn) -> None:
    """No second try and no template: one's own words, or another beginning."""
    xai_stand_in.script({"fault": "refusal"})
    await fail(host)
    (failed,) = await host.heard("failed")
    assert (failed["code"], failed["actions"]) == ("refused", ["own", "over"])
    await host.action("Start over").click()
    await expect(host.button).to_be_visible()
    await expect(host.button).to_be_focused()


async def test_a_picture_that_failed(host: Host, wavespeed_stand_in: WaveSpeedStandIn) -> None:
    """The picture is made anew, from the prompt that is there."""
    wavespeed_stand_in.script({"fault": "fail_passing", "times": 2})
    await fail(host, mode="picture")
    job, prompt = await host.read("jobId"), await host.read("prompt")
    await host.action("Try again").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert (await host.read("jobId"), await host.read("prompt")) == (job, prompt)


async def test_own_words_become_a_picture(
    host: Host, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Where Grok brings none, in picture mode."""
    xai_stand_in.script(DOWN)
    await fail(host, mode="picture")
    await host.action("Write it yourself").click()
    await host.page.get_by_label("Your prompt").fill("Make it evening.")
    await host.action("Use this prompt").click()
    await expect(host.page.get_by_role("link", name="Open picture 1")).to_be_visible(
        timeout=SECONDS
    )
    assert await host.read("prompt") == "Make it evening."


async def test_a_bad_request_says_what_is_wrong(host: Host) -> None:
    """In the server's sentence, or in the element's own."""
    await host.open(priority="eleven", target_url="ftp://example.com/x.jpg")
    await host.button.click()
    await expect(host.page.get_by_text("priority must be a whole number").first).to_be_visible()
    await host.open(row_id=None)
    await host.button.click()
    await expect(host.page.get_by_text("This button has no row-id yet.").first).to_be_visible()
    await host.open(ref_urls="[oops")
    await host.button.click()
    await expect(host.page.get_by_text("ref-urls is neither").first).to_be_visible()


async def test_every_string_can_be_replaced(host: Host, xai_stand_in: StandIn) -> None:
    """By attribute or by property: nothing of ours is left on the page, in any state."""
    xai_stand_in.script({"fault": "refusal"})
    await host.open(text_idle="Los", text_error_refused="Abgelehnt.")
    ours = await host.page.evaluate(
        """async () => {
          const { url } = await fetch('/prompt-queue-generate.js')
          const { STRINGS } = await import(new URL('generate/strings.js', url))
          const button = document.querySelector('prompt-queue-generate')
          button.strings = Object.fromEntries(Object.keys(STRINGS).map(name => [name, `«${name}»`]))
          return STRINGS
        }"""
    )
    read = """() => {
      const { shadowRoot } = document.querySelector('prompt-queue-generate')
      const all = [...shadowRoot.querySelectorAll('p, button, span, label, [aria-label]')]
      return all.flatMap(one => [one.textContent, one.getAttribute('aria-label')])
    }"""
    await host.page.get_by_role("button", name="Los").click()
    await expect(host.at("failed")).to_be_visible(timeout=SECONDS)
    await expect(host.page.get_by_text("Abgelehnt.", exact=True)).to_be_visible()
    await host.page.get_by_role("button", name="«own»").click()
    said = set(await host.page.evaluate(read))
    assert {"«failed»", "«own-label»", "«own-save»", "«own-leave»", "«region»", "Los"} <= said
    assert said.isdisjoint(ours.values())
    await host.page.get_by_role("button", name="«own-leave»").click()
    await host.page.get_by_role("button", name="«over»").click()
    await host.page.get_by_role("button", name="Los").click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    said = set(await host.page.evaluate(read))
    assert {"«done»", "«change»", "«another»"} <= said
    assert said.isdisjoint(ours.values())


async def test_nothing_moves_where_nothing_should(host: Host, xai_stand_in: StandIn) -> None:
    """With prefers-reduced-motion nothing is animated, and the text is there as it comes."""
    xai_stand_in.settings(latency_seconds=2.0)
    await host.page.emulate_media(reduced_motion="reduce")
    await host.open()
    await host.button.click()
    moving = "document.querySelector('prompt-queue-generate').shadowRoot.getAnimations().length"
    for state in ("looking", "writing", "done"):
        await expect(host.at(state)).to_be_visible(timeout=SECONDS)
        assert await host.page.evaluate(moving) == 0
    await host.page.emulate_media(reduced_motion="no-preference")
    await host.action("Another one").click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    assert await host.page.evaluate(moving) > 0


async def test_the_look_is_the_pages(host: Host) -> None:
    """Custom properties and parts reach the inside; a telephone is not scrolled sideways."""
    await host.page.set_viewport_size({"width": 360, "height": 740})
    await host.open()
    await host.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet()
          sheet.replaceSync(`
            prompt-queue-generate {
              --prompt-queue-accent: rgb(120, 0, 120); --prompt-queue-width: 60rem
            }
            prompt-queue-generate::part(title) { color: rgb(1, 2, 3) }`)
          document.adoptedStyleSheets = [sheet]
        }"""
    )
    await expect(host.button).to_have_css("background-color", "rgb(120, 0, 120)")
    await host.button.click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert await host.page.evaluate("document.documentElement.scrollWidth") <= 360
    title = host.page.get_by_text("Your prompt is ready").first
    await expect(title).to_have_css("color", "rgb(1, 2, 3)")


async def test_a_disabled_button_does_nothing(host: Host, page: Page) -> None:
    """By attribute, or by the fieldset around it."""
    await host.open(disabled="")
    await expect(host.button).to_be_disabled()
    await page.evaluate("document.querySelector('prompt-queue-generate').start()")
    assert await host.states() == []
    assert await violations(page) == []
