"""The name of a stored picture, and what is known of a picture that was looked at."""

import re
from dataclasses import dataclass

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_NAME = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|webp)")


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """`place` is 0 for the target, else the number of the reference; sizes in bytes and pixels."""

    place: int
    sha256: str
    size: int
    media_type: str
    width: int
    height: int


def is_picture_name(name: str) -> bool:
    """True for a name that storing a picture can give."""
    return _NAME.fullmatch(name) is not None
