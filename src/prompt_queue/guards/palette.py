"""The main colours of a picture, in words."""

import colorsys
import io
from collections import Counter

from PIL import Image

from prompt_queue.guards.images import UNREADABLE, inspect_picture, pillow_format

_SIDE = 48
_COLOURS = 8
_LEAST_SHARE = 0.12
_MOST_NAMES = 3
_HUES = (
    (0.04, "red"), (0.11, "orange"), (0.18, "yellow"), (0.43, "green"), (0.52, "teal"),
    (0.70, "blue"), (0.80, "purple"), (0.94, "pink"), (1.01, "red"),
)  # fmt: skip


def main_colours(data: bytes) -> tuple[str, ...]:
    """At most three names, the most frequent first; none for a picture that cannot be read.

    Decodes, so it belongs into a thread.
    """
    try:
        facts = inspect_picture(data)
        with Image.open(io.BytesIO(data), formats=(pillow_format(facts.media_type),)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
        few = small.quantize(_COLOURS)
    except UNREADABLE:
        return ()
    palette = few.getpalette() or []
    shares: Counter[str] = Counter()
    for index, count in enumerate(few.histogram()):
        if count:
            red, green, blue = palette[3 * index : 3 * index + 3]
            shares[name_of(red, green, blue)] += count
    found = [name for name, count in shares.most_common() if count >= _LEAST_SHARE * _SIDE**2]
    return tuple(found[:_MOST_NAMES])


def name_of(red: int, green: int, blue: int) -> str:
    """The word for a colour of 8 bits a channel."""
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < 0.18:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.88 else "grey"
    word = next(word for limit, word in _HUES if hue < limit)
    if word in {"red", "orange", "yellow"} and saturation < 0.45 and value > 0.75:
        return "beige"
    if word in {"red", "orange", "yellow"} and value < 0.62:
        return "brown"
    return word
