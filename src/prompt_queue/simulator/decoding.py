"""Bytes to pixels: which pictures are readable, and within which bounds. Blocking, no network."""

import base64
import binascii
import io
import struct
import threading
import zlib
from typing import Literal
from urllib.parse import unquote_to_bytes

from PIL import Image

from prompt_queue.simulator import errors
from prompt_queue.simulator.eyes import Sighting, look

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 178_956_970
MIN_SIDE = 8
MIN_PIXELS = 512
SMALL_SIDE = 64
HEAVY_PIXELS = 25_000_000
EXIF_ORIENTATION = 0x0112

Format = Literal["JPEG", "PNG", "WEBP"]

_MIME_FORMATS: dict[str, str] = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
}

# What Pillow's decoders raise for damaged files, by its documentation and by its fuzzing.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_heavy_turn = threading.Lock()


class UnreadablePictureError(Exception):
    """The bytes are not a complete JPEG, PNG or WebP picture."""


def sniff(data: bytes) -> Format | None:
    """Tell the format by the first bytes; None for anything but JPEG, PNG and WebP."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def decode_data_uri(uri: str) -> tuple[bytes, str]:
    """Return the bytes of a data URI and the name of the format that it claims.

    Raises `errors.ApiError` for another media type, broken base64 and too many bytes.
    """
    head, comma, text = uri.removeprefix("data:").partition(",")
    media_type, *parameters = [part.strip().lower() for part in head.split(";")]
    if not comma or "base64" not in parameters:
        raise errors.undecodable_base64()
    if media_type not in _MIME_FORMATS:
        raise errors.unsupported_content_type(media_type or "none")
    if len(text) > MAX_BYTES * 4:
        raise errors.picture_out_of_bounds(f"it is larger than {MAX_BYTES} bytes.")
    try:
        data = base64.b64decode(unquote_to_bytes(text), validate=True)
    except (binascii.Error, ValueError):
        raise errors.undecodable_base64() from None
    if len(data) > MAX_BYTES:
        raise errors.picture_out_of_bounds(f"it is larger than {MAX_BYTES} bytes.")
    return data, _MIME_FORMATS[media_type]


def check_size(width: int, height: int) -> None:
    """Raise `errors.ApiError` for a picture with too few or too many pixels."""
    if min(width, height) < MIN_SIDE or width * height < MIN_PIXELS:
        raise errors.picture_out_of_bounds(
            f"{width}x{height} is too small; each side needs {MIN_SIDE} pixels "
            f"and the image {MIN_PIXELS} in total."
        )
    if width * height > MAX_PIXELS:
        raise errors.picture_out_of_bounds(f"{width}x{height} has more than {MAX_PIXELS} pixels.")


def _small_copy(image: Image.Image) -> Image.Image:
    small_size = (SMALL_SIDE, SMALL_SIDE)
    image.draft("RGB", (SMALL_SIDE * 4, SMALL_SIDE * 4))
    image.load()
    if image.mode.startswith("I;16"):
        # Pillow clips 16-bit grey at 255 when it converts, which would leave a white picture.
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.mode in ("P", "PA", "1") or "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.resize(small_size, Image.Resampling.BOX)
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        backdrop = Image.new("RGBA", small_size, "white")
        image = Image.alpha_composite(backdrop, image.convert("RGBA"))
    return image.convert("RGB")


def _upright(image: Image.Image, full_size: tuple[int, int]) -> Sighting:
    width, height = full_size
    small = _small_copy(image)
    turn = image.getexif().get(EXIF_ORIENTATION)
    if turn in _TURNS:
        small = small.transpose(_TURNS[turn])
    return look(small, (height, width) if turn in (5, 6, 7, 8) else (width, height))


def _read(image: Image.Image) -> Sighting:
    width, height = image.size
    check_size(width, height)
    if width * height > HEAVY_PIXELS:
        with _heavy_turn:
            return _upright(image, (width, height))
    return _upright(image, (width, height))


def see(data: bytes) -> Sighting:
    """Decode a picture and say what is in it.

    Raises `UnreadablePictureError` for anything but a whole JPEG, PNG or WebP, and
    `errors.ApiError` for one outside the pixel bounds.
    """
    kind = sniff(data)
    if kind is None:
        raise UnreadablePictureError("unknown first bytes")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return _read(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise errors.picture_out_of_bounds(f"it has more than {MAX_PIXELS} pixels.") from None
    except _DAMAGE as error:
        raise UnreadablePictureError(str(error)) from error
