"""The name of a stored picture: the SHA-256 of its bytes, and what kind of picture it is."""

import re

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_NAME = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|webp)")


def is_picture_name(name: str) -> bool:
    """True for a name that storing a picture can give."""
    return _NAME.fullmatch(name) is not None
