"""Photographs that ship with scikit-image, as JPEG bytes."""

import io
from functools import cache

import skimage
from PIL import Image


@cache
def photograph(name: str) -> bytes:
    """`astronaut`, `coffee`, `chelsea`, ... as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(getattr(skimage.data, name)()).convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@cache
def plain(colour: str, width: int = 64, height: int = 64) -> bytes:
    """A small picture of one colour, as a PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()
