"""What a picture must be before it is stored or sent: by its bytes, never by what it claims."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal

from PIL import Image, ImageOps

MediaType = Literal["image/jpeg", "image/png", "image/webp"]
Picture = bytes | BinaryIO
"""The bytes, or an open file of them, which is read from its start and stays open."""

MOST_PIXELS = 40_000_000
"""Pixels that a picture may have; more is a decompression bomb or a mistake."""

LEAST_SIDE = 8
"""Pixels that each side must have for xAI."""

LEAST_AREA = 512
"""Pixels that a picture must have for xAI."""

INLINE_PIXELS = 2_408_448
"""Pixels above which xAI shrinks a picture itself."""

_INLINE_QUALITY = 90
_THUMBNAIL_QUALITY = 82
_LONGEST_JPEG_SIDE = 65_500
_HEAD = 512
"""Bytes at the start that tell what a file is."""

_FORMATS: dict[MediaType, str] = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
}
_ACCEPTED = "send a JPEG, PNG or WebP"
_KNOWN_BUT_REFUSED = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
)
# Pillow's decoders raise all of these on damaged files.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    AttributeError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


class PictureRefused(ValueError):
    """The bytes cannot be used as a picture; the message is a sentence for the user."""


UNREADABLE = (*_UNREADABLE, Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What a look at any bytes may raise, PictureRefused among them."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the header of a picture says; width and height are in pixels."""

    media_type: MediaType
    width: int
    height: int


def pillow_format(media_type: MediaType) -> str:
    """The name under which Pillow knows the type."""
    return _FORMATS[media_type]


def sniff(data: bytes) -> MediaType:
    """The type by the first bytes. Raises PictureRefused for everything but JPEG, PNG, WebP."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise PictureRefused(f"The file is {_what_it_is(data)}; {_ACCEPTED}.")


def inspect_picture(picture: Picture) -> PictureFacts:
    """Type and size by the header, nothing decoded. Raises PictureRefused outside the limits."""
    file = _as_file(picture)
    media_type = sniff(file.read(_HEAD))
    with _opened(file, media_type) as image:
        width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large()
    if min(width, height) < LEAST_SIDE or width * height < LEAST_AREA:
        raise PictureRefused(
            f"The picture is only {width} x {height} pixels; it needs at least {LEAST_SIDE} on "
            f"each side and {LEAST_AREA} in all."
        )
    return PictureFacts(media_type, width, height)


def shrink_for_inline(data: bytes) -> tuple[bytes, MediaType]:
    """A JPEG of at most 2,408,448 pixels, upright and without metadata.

    Decodes, so it belongs into a thread. Raises PictureRefused for a picture that is outside the
    limits or damaged.
    """
    facts = inspect_picture(data)
    try:
        with _opened(data, facts.media_type) as image:
            if facts.media_type == "image/jpeg":
                image.draft(None, _fitting(facts.width, facts.height))
            image.load()
            # Each copy of a large picture takes a hundred megabytes.
            ImageOps.exif_transpose(image, in_place=True)
            upright = _as_rgb(image)
        size = _fitting(upright.width, upright.height)
        if size != upright.size:
            upright = upright.resize(size, Image.Resampling.LANCZOS)
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=_INLINE_QUALITY)
    except _UNREADABLE as error:
        if isinstance(error, PictureRefused):
            raise
        raise _damaged() from error
    return out.getvalue(), "image/jpeg"


def thumbnail(picture: Picture, side: int = 512) -> bytes:
    """A small JPEG, upright and without metadata, no side longer than `side` pixels.

    Decodes, so it belongs into a thread. Raises PictureRefused for a damaged picture.
    """
    facts = inspect_picture(picture)
    try:
        with _opened(picture, facts.media_type) as image:
            if facts.media_type == "image/jpeg":
                image.draft(None, (side, side))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            small = _as_rgb(image)
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=_THUMBNAIL_QUALITY)
    except _UNREADABLE as error:
        if isinstance(error, PictureRefused):
            raise
        raise _damaged() from error
    return out.getvalue()


def _as_file(picture: Picture) -> BinaryIO:
    if isinstance(picture, bytes):
        return io.BytesIO(picture)
    picture.seek(0)
    return picture


def _opened(picture: Picture, media_type: MediaType) -> Image.Image:
    try:
        return Image.open(_as_file(picture), formats=(_FORMATS[media_type],))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except _UNREADABLE as error:
        raise _damaged() from error


def _as_rgb(image: Image.Image) -> Image.Image:
    """Transparent parts become white; no metadata is left."""
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(layered, mask=layered.getchannel("A"))
        return flat
    flat = image if image.mode == "RGB" else image.convert("RGB")
    flat.info.clear()
    return flat


def _fitting(width: int, height: int) -> tuple[int, int]:
    by_area = (INLINE_PIXELS / (width * height)) ** 0.5
    scale = min(1.0, by_area, _LONGEST_JPEG_SIDE / max(width, height))
    return max(LEAST_SIDE, int(width * scale)), max(LEAST_SIDE, int(height * scale))


def _what_it_is(data: bytes) -> str:
    if not data:
        return "empty"
    for start, name in _KNOWN_BUT_REFUSED:
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF picture, or a video"
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head):
        return "an SVG drawing"
    if head.startswith(b"<"):
        return "a web page"
    return "not a picture that we know"


def _too_large() -> PictureRefused:
    return PictureRefused(
        f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller."
    )


def _damaged() -> PictureRefused:
    return PictureRefused("The picture is damaged or incomplete; save it again and retry.")
