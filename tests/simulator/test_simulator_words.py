"""The edit prompts that the stand-in writes."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from xai_calls import encoded, png

from prompt_queue.simulator.colours import COLOUR_NAMES
from prompt_queue.simulator.decoding import see
from prompt_queue.simulator.eyes import ColourShare, Sighting
from prompt_queue.simulator.words import describe, write_prompt

NAMES = sorted(COLOUR_NAMES)

SIGHTINGS = st.builds(
    Sighting,
    width=st.integers(8, 20_000),
    height=st.integers(8, 20_000),
    orientation=st.sampled_from(["portrait", "landscape", "square"]),
    brightness=st.sampled_from(["very dark", "dark", "mid-toned", "bright", "very bright"]),
    contrast=st.sampled_from(["soft", "strong"]),
    warmth=st.sampled_from(["warm", "cool", "neutral"]),
    light_side=st.sampled_from(["even", "left", "right", "top", "bottom"]),
    colours=st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True).map(
        lambda names: tuple(ColourShare(name, 0.1) for name in names)
    ),
    accent=st.none() | st.sampled_from(NAMES),
    digest=st.integers(0, 2**64 - 1),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SIGHTINGS, min_size=1, max_size=12), st.integers(0, 3))
def test_a_prompt_has_25_to_80_plain_words(pictures: list[Sighting], variant: int) -> None:
    """Whatever was seen, the prompt is one short plain text about the target image."""
    prompt = write_prompt(pictures, variant)
    assert 25 <= len(prompt.split()) <= 80
    assert re.fullmatch(r"[A-Za-z0-9 ,.'-]+", prompt)
    assert prompt.endswith("framing unchanged.")
    assert "target image" in prompt
    assert pictures[-1].names[0] in prompt
    if len(pictures) > 1:
        assert "reference image 1" in prompt
        assert pictures[0].names[0] in prompt
    assert ("reference" in prompt) == (len(pictures) > 1)
    assert prompt == write_prompt(pictures, variant)


def test_the_last_picture_is_the_target() -> None:
    """Swapping target and reference swaps what is recoloured and what with."""
    teal, orange = see(png((0, 128, 128))), see(png((204, 85, 0)))
    assert re.search(
        r"the burnt orange areas of the \S+ target image with the teal tones of "
        r"reference image 1",
        write_prompt([teal, orange]),
    )
    assert re.search(
        r"the teal areas of the .* with the burnt orange", write_prompt([orange, teal])
    )


def test_every_reference_is_named() -> None:
    """Two, three and nine references appear by number."""
    seen = see(png((0, 128, 128)))
    assert "reference image 2" in write_prompt([seen] * 3)
    assert "of reference image 3 guide" in write_prompt([seen] * 4)
    assert "reference images 3 to 9" in write_prompt([seen] * 10)


def test_different_pixels_give_different_prompts() -> None:
    """A hundred pictures give a hundred prompts, and the facts are in them."""
    pictures = [
        see(encoded(Image.new("RGB", (40 + n, 60), (255 - 2 * n, n, (7 * n) % 256))))
        for n in range(100)
    ]
    prompts = [write_prompt([picture]) for picture in pictures]
    assert len(set(prompts)) == 100
    assert "40 by 60 portrait framing" in prompts[0]


def test_no_picture_is_said_plainly() -> None:
    """A call without pictures is told so."""
    assert write_prompt([]).startswith("No image came with this request")


def test_the_description_tells_what_was_seen() -> None:
    """The reasoning names role, size, light and colours of each picture."""
    lines = describe([see(png((255, 0, 0))), see(png((0, 0, 0), (40, 90)))]).splitlines()
    assert lines[0].startswith("reference image 1: 60 by 40, landscape")
    assert lines[0].endswith("red 100%")
    assert lines[1].startswith("target image: 40 by 90, portrait, very dark")
