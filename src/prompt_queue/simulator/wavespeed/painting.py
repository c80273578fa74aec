"""The picture that the stand-in makes: the target recoloured, captioned, and marked. Blocking."""

import hashlib
import io
import textwrap

from PIL import Image, ImageDraw, ImageFont, ImageOps

LONGEST_SIDE = 1024
"""Pictures are smaller than what was asked for, in the same shape: nobody pays for them."""

_MARK = "STAND-IN: not made by WaveSpeed"


def paint(target: bytes, prompt: str, size: tuple[int, int] | None, form: str) -> tuple[bytes, str]:
    """The bytes and the media type. Raises OSError for a target that is no picture."""
    with Image.open(io.BytesIO(target)) as opened:
        opened.load()
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture = picture.resize(_shape(size or picture.size))
    hue = hashlib.sha256(prompt.encode()).digest()
    tinted = ImageOps.colorize(
        ImageOps.grayscale(picture), black=(hue[0] // 3, hue[1] // 3, hue[2] // 3), white=(
            155 + hue[3] % 100, 155 + hue[4] % 100, 155 + hue[5] % 100)
    )  # fmt: skip
    picture = Image.blend(picture, tinted, 0.65)
    _write(picture, prompt)
    out = io.BytesIO()
    kind = "PNG" if form == "png" else "JPEG"
    picture.save(out, kind)
    return out.getvalue(), f"image/{kind.lower()}"


def _shape(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(size))
    return max(round(size[0] * scale), 16), max(round(size[1] * scale), 16)


def _write(picture: Image.Image, prompt: str) -> None:
    letters = max(picture.width // 42, 9)
    font = ImageFont.load_default(letters)
    lines = [_MARK, *textwrap.wrap(prompt, max(picture.width // (letters // 2 + 1), 12))[:4]]
    height = (letters + 4) * len(lines) + 8
    strip = Image.new("RGB", (picture.width, height), "black")
    drawing = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        colour = "yellow" if number == 0 else "white"
        drawing.text((6, 4 + number * (letters + 4)), line, fill=colour, font=font)
    picture.paste(strip, (0, max(picture.height - height, 0)))
