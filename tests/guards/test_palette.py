"""The main colours of a picture, in words."""

import io

import pytest
from PIL import Image

from prompt_queue.guards.palette import main_colours, name_of
from tests.photographs import photograph, plain


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((0, 0, 0), "black"), ((255, 255, 255), "white"), ((128, 128, 128), "grey"),
        ((220, 20, 20), "red"), ((255, 140, 0), "orange"), ((250, 230, 40), "yellow"),
        ((20, 160, 60), "green"), ((0, 150, 150), "teal"), ((30, 60, 200), "blue"),
        ((120, 40, 160), "purple"), ((240, 90, 170), "pink"), ((110, 70, 30), "brown"),
        ((235, 215, 180), "beige"),
    ],
)  # fmt: skip
def test_each_colour_has_its_word(rgb: tuple[int, int, int], word: str) -> None:
    """The words that people use."""
    assert name_of(*rgb) == word


def test_the_most_frequent_comes_first() -> None:
    """Small spots do not count."""
    image = Image.new("RGB", (100, 100), "blue")
    image.paste("red", (0, 0, 100, 30))
    image.paste("yellow", (0, 0, 5, 5))
    out = io.BytesIO()
    image.save(out, "PNG")
    assert main_colours(out.getvalue()) == ("blue", "red")


def test_photographs_have_colours_and_other_bytes_have_none() -> None:
    """It never raises: the template does without."""
    assert 1 <= len(main_colours(photograph("coffee"))) <= 3
    assert main_colours(plain("teal")) == ("teal",)
    for data in (b"", b"no picture", plain("teal")[:40]):
        assert main_colours(data) == ()
