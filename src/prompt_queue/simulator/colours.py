"""Colours by name: the nearest word for an RGB value, as the eye measures distance."""

from functools import lru_cache

Rgb = tuple[int, int, int]
Lab = tuple[float, float, float]

_NAMED: dict[str, str] = {
    "black": "000000", "charcoal": "34343a", "dark grey": "565656", "grey": "808080",
    "silver": "aeb0b2", "light grey": "d3d3d3", "white": "ffffff", "ivory": "f6f1e3",
    "cream": "fff1cc", "beige": "e6d8bc", "sand": "d6bf94", "tan": "c19a6b",
    "khaki": "a89a6c", "taupe": "8b7c6e", "brown": "84502b", "chestnut": "6b3b29",
    "chocolate brown": "48291a", "espresso": "2c1c13", "rust": "a4411d", "terracotta": "c7694a",
    "brick red": "9c3a30", "red": "ff0000", "crimson": "b8142f", "maroon": "6d1019",
    "burgundy": "551328", "coral": "ff6f5b", "salmon": "f79c86", "blush": "efcfc9",
    "orange": "ff8c00", "burnt orange": "cc5500", "amber": "ffb420", "apricot": "f4b477",
    "peach": "ffcfaa", "gold": "d4ac30", "mustard": "b98d18", "yellow": "ffff00",
    "lemon yellow": "fff04d", "pale yellow": "faf3a6", "lime green": "a6d52e",
    "bright green": "00ff00", "green": "008000", "emerald": "12a468", "olive": "6d7426",
    "moss green": "6f7f4d", "sage": "9cae88", "forest green": "215030", "dark green": "0c3318",
    "mint": "aae8cf", "teal": "008080", "deep teal": "0b4d55", "turquoise": "32c6bd",
    "cyan": "00ffff", "pale aqua": "c2ecec", "sky blue": "86c8ee", "powder blue": "b6d0e6",
    "steel blue": "4f80aa", "denim blue": "365a85", "royal blue": "2b53c4", "blue": "0000ff",
    "cobalt blue": "0a44a4", "navy blue": "121c52", "midnight blue": "0c1228", "slate": "66758a",
    "indigo": "42218e", "violet": "803fd2", "purple": "800080", "plum": "652b5b",
    "lavender": "c6b6e8", "mauve": "a47b97", "magenta": "ff00ff", "hot pink": "ff4d9c",
    "pink": "ffb4c6", "rose": "c8607a",
}  # fmt: skip


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _cube_root(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116


def to_lab(rgb: Rgb) -> Lab:
    """Convert sRGB (0 to 255) to CIE L*a*b* under D65."""
    red, green, blue = (_linear(channel) for channel in rgb)
    x = _cube_root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _cube_root(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _cube_root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))


def _parse(text: str) -> Rgb:
    return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16))


_LAB_BY_NAME = {name: to_lab(_parse(text)) for name, text in _NAMED.items()}

COLOUR_NAMES: frozenset[str] = frozenset(_NAMED)


@lru_cache(maxsize=4096)
def _name_of(lab: Lab) -> str:
    def distance(name: str) -> float:
        other = _LAB_BY_NAME[name]
        return sum((one - two) ** 2 for one, two in zip(lab, other, strict=True))

    return min(_LAB_BY_NAME, key=distance)


def name_colour(rgb: Rgb) -> str:
    """Return the name of the nearest colour in the table, for example ``burnt orange``."""
    return _name_of(to_lab(rgb))
