"""What counts as a picture."""

import io
import tempfile

import pytest
from PIL import Image

from prompt_queue.guards.images import (
    INLINE_PIXELS,
    PictureRefused,
    inspect_picture,
    shrink_for_inline,
    sniff,
    thumbnail,
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(width: int = 64, height: int = 48, colour: str = "red") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")],
)
def test_the_type_comes_from_the_bytes(kind: str, media_type: str) -> None:
    """The three accepted formats are told by their first bytes, the size by the header."""
    data = encoded(plain(), kind)
    facts = inspect_picture(data)
    assert sniff(data) == media_type
    assert (facts.media_type, facts.width, facts.height) == (media_type, 64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_is_as_good_as_its_bytes(kind: str) -> None:
    """Wherever it was read to; it stays open."""
    data = encoded(plain(640, 480), kind)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        assert inspect_picture(file) == inspect_picture(data)
        assert thumbnail(file, 64) == thumbnail(data, 64)
        assert opened(thumbnail(file, 64)).size == (64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_file_on_the_disk_is_called_damaged(kind: str) -> None:
    """As it is called in the memory."""
    data = encoded(Image.effect_noise((300, 300), 90).convert("RGB"), kind)
    with tempfile.TemporaryFile() as file:
        file.write(data[: len(data) // 2])
        with pytest.raises(PictureRefused, match="damaged"):
            thumbnail(file)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (encoded(plain(), "GIF"), "GIF"),
        (encoded(plain(), "BMP"), "BMP"),
        (encoded(plain(), "TIFF"), "TIFF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html>", "web page"),
        (b"\x00\x00\x00\x20ftypheic", "HEIC"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"hello", "not a picture"),
    ],
)
def test_everything_else_is_refused_by_name(data: bytes, word: str) -> None:
    """The sentence says what the file is and what to send instead."""
    with pytest.raises(PictureRefused, match=word) as refused:
        sniff(data)
    assert "JPEG, PNG or WebP" in str(refused.value)


@pytest.mark.parametrize("size", [(7, 200), (200, 7), (20, 20)])
def test_a_tiny_picture_is_refused(size: tuple[int, int]) -> None:
    """What the provider calls too small is refused before it is sent."""
    with pytest.raises(PictureRefused, match="at least"):
        inspect_picture(encoded(plain(*size), "PNG"))


@pytest.mark.parametrize("size", [(8000, 5001), (30000, 30000)])
def test_a_pixel_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    """A header that announces too many pixels is enough: nothing is decoded."""
    bomb = bytearray(encoded(plain(), "PNG"))
    bomb[16:24] = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
    with pytest.raises(PictureRefused):
        inspect_picture(bytes(bomb))


def test_a_large_picture_is_refused_for_its_pixels() -> None:
    """The sentence names the limit."""
    with pytest.raises(PictureRefused, match="40 million"):
        inspect_picture(encoded(Image.new("1", (8000, 5001)), "PNG"))


def test_a_large_photograph_is_shrunk_in_proportion() -> None:
    """The inline picture stays below the provider's own limit and keeps its shape."""
    small, media_type = shrink_for_inline(encoded(plain(4000, 2000), "JPEG"))
    width, height = opened(small).size
    assert media_type == "image/jpeg"
    assert width * height <= INLINE_PIXELS
    assert width * height > INLINE_PIXELS * 0.95
    assert abs(width / height - 2) < 0.01


def test_a_small_photograph_keeps_its_size() -> None:
    """Nothing is enlarged."""
    small, _ = shrink_for_inline(encoded(plain(), "WEBP"))
    assert opened(small).size == (64, 48)
    assert opened(small).format == "JPEG"


def test_a_rotated_photograph_is_put_upright_and_loses_its_metadata() -> None:
    """The orientation is applied, and where it was taken is nobody's business."""
    image = plain(64, 32)
    image.paste("blue", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera"
    small, _ = shrink_for_inline(encoded(image, "JPEG", exif=exif, comment=b"secret place"))
    upright = opened(small)
    assert upright.size == (32, 64)
    assert upright.getpixel((16, 8))[2] > 200
    assert not upright.getexif()
    assert b"camera" not in small
    assert b"secret place" not in small


def test_transparency_becomes_white() -> None:
    """A cut-out does not turn black."""
    small, _ = shrink_for_inline(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG"))
    assert min(opened(small).getpixel((32, 32))) > 250


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_every_colour_mode_can_be_sent(mode: str) -> None:
    """Grey, palette, deep and print colours all become an ordinary JPEG."""
    image = Image.new(mode, (64, 64), 40000 if mode == "I;16" else None)
    small, _ = shrink_for_inline(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    found = opened(small)
    assert found.mode == "RGB"
    if mode == "I;16":
        assert 150 < found.getpixel((9, 9))[0] < 162


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_file_is_called_damaged(kind: str) -> None:
    """Half a download is refused with a sentence, not with a traceback."""
    noisy = Image.effect_noise((300, 300), 90).convert("RGB")
    data = encoded(noisy, kind)
    for keep in (13, 40, len(data) // 2):
        with pytest.raises(PictureRefused, match="damaged"):
            shrink_for_inline(data[:keep])


def test_a_very_long_picture_can_be_sent() -> None:
    """A strip that is longer than a JPEG may be is shortened."""
    small, _ = shrink_for_inline(encoded(Image.new("L", (100_000, 10)), "PNG"))
    assert max(opened(small).size) <= 65_500
