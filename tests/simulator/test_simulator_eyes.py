"""What the stand-in sees in pixels."""

import pytest
from PIL import Image
from xai_calls import encoded, png

from prompt_queue.simulator import errors
from prompt_queue.simulator.colours import COLOUR_NAMES, name_colour
from prompt_queue.simulator.decoding import UnreadablePictureError, decode_data_uri, see


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((255, 0, 0), "red"),
        ((0, 0, 255), "blue"),
        ((0, 128, 128), "teal"),
        ((204, 85, 0), "burnt orange"),
        ((250, 250, 10), "yellow"),
        ((12, 18, 80), "navy blue"),
    ],
)
def test_colours_have_the_names_people_use(rgb: tuple[int, int, int], name: str) -> None:
    """A pure colour gets its everyday name."""
    assert name_colour(rgb) == name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_one_colour_fills_the_picture(kind: str) -> None:
    """A picture of one colour is seen as that colour, in each format that is taken."""
    seen = see(png((0, 128, 128), kind=kind))
    assert seen.names == ("teal",)
    assert seen.colours[0].share == 1.0


def test_the_widest_colour_comes_first() -> None:
    """Colours are ordered by the area they cover, with their shares."""
    image = Image.new("RGB", (100, 100), (0, 0, 255))
    image.paste((255, 255, 0), (0, 0, 25, 100))
    seen = see(encoded(image))
    assert seen.names == ("blue", "yellow")
    assert [round(colour.share, 2) for colour in seen.colours] == [0.75, 0.25]
    assert seen.light_side == "left"
    assert seen.contrast == "strong"


@pytest.mark.parametrize(
    ("size", "orientation"),
    [((60, 40), "landscape"), ((40, 60), "portrait"), ((50, 50), "square"), ((51, 50), "square")],
)
def test_orientation_follows_the_sides(size: tuple[int, int], orientation: str) -> None:
    """Width and height decide the orientation, with a small tolerance for square."""
    seen = see(png((9, 9, 9), size))
    assert (seen.orientation, seen.width, seen.height) == (orientation, *size)


@pytest.mark.parametrize(
    ("grey", "brightness"),
    [(5, "very dark"), (80, "dark"), (125, "mid-toned"), (180, "bright"), (250, "very bright")],
)
def test_brightness_has_five_steps(grey: int, brightness: str) -> None:
    """Lightness is named from very dark to very bright."""
    assert see(png((grey, grey, grey))).brightness == brightness


def test_exif_turns_the_picture() -> None:
    """A photograph that is stored lying is seen standing, with its light on the turned side."""
    image = Image.new("RGB", (90, 60), (10, 10, 10))
    image.paste((255, 255, 255), (0, 0, 30, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = see(encoded(image, "JPEG", exif=exif))
    assert (seen.width, seen.height, seen.orientation) == (60, 90, "portrait")
    assert seen.light_side == "top"


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    """A dark 16-bit picture is seen dark."""
    image = Image.new("I;16", (40, 40), 8_000)
    assert see(encoded(image)).brightness == "very dark"


def test_transparent_pixels_count_as_white() -> None:
    """What shows through a picture is white, also in one with a palette."""
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert see(encoded(clear)).names == ("white",)
    palette = Image.new("P", (40, 40), 0)
    palette.putpalette([255, 0, 0])
    assert see(encoded(palette, transparency=0)).names == ("white",)


def test_print_colours_are_read() -> None:
    """A CMYK JPEG is seen in its own colours."""
    assert see(encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG")).names == ("red",)


def test_the_digest_tells_near_pictures_apart() -> None:
    """Equal bytes give equal sightings, and one shade of difference another digest."""
    assert see(png((10, 20, 30))) == see(png((10, 20, 30)))
    assert see(png((10, 20, 30))).digest != see(png((10, 20, 31))).digest


def test_every_name_is_plain_words() -> None:
    """Colour names are words in lower case that fit into a sentence."""
    assert all(name.replace(" ", "").isalpha() and name.islower() for name in COLOUR_NAMES)


@pytest.mark.parametrize("size", [(7, 400), (400, 7), (20, 20)])
def test_too_few_pixels_are_refused(size: tuple[int, int]) -> None:
    """A side below 8 or an area below 512 pixels is an invalid image."""
    with pytest.raises(errors.ApiError, match="too small") as refused:
        see(png((1, 2, 3), size))
    assert refused.value.code == "invalid_image"


def test_a_damaged_picture_is_unreadable() -> None:
    """A cut file, a wrong checksum and other formats count as no picture."""
    whole = encoded(Image.effect_noise((200, 200), 50), "JPEG")
    for data in (
        whole[: len(whole) // 2],
        encoded(Image.effect_noise((90, 90), 50))[:2_000],
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"RIFF\x00\x00\x00\x00WEBP" + bytes(60),
        encoded(Image.new("RGB", (40, 40)), "GIF"),
        b"<html>",
        b"",
    ):
        with pytest.raises(UnreadablePictureError):
            see(data)


def test_a_data_uri_gives_bytes_and_format() -> None:
    """Base64 text is decoded, with further parameters and percent signs allowed."""
    assert decode_data_uri("data:image/png;name=a;base64,aGk%3D") == (b"hi", "PNG")
