"""From pixels to facts: what the stand-in sees in a picture. Pure."""

import hashlib
from dataclasses import dataclass

from PIL import Image

from prompt_queue.simulator.colours import name_colour, to_lab

PALETTE_SIZE = 8
ACCENT_SHARE = 0.03
ACCENT_CHROMA = 28.0
SIDE_LIGHT = 18.0


@dataclass(frozen=True)
class ColourShare:
    """A colour by name and the share of the picture that it covers, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class Sighting:
    """What was seen in one picture; ``digest`` differs as soon as the seen pixels do."""

    width: int
    height: int
    orientation: str
    brightness: str
    contrast: str
    warmth: str
    light_side: str
    colours: tuple[ColourShare, ...]
    accent: str | None
    digest: int

    @property
    def names(self) -> tuple[str, ...]:
        """The colours' names, the widest first."""
        return tuple(colour.name for colour in self.colours)


def orientation_of(width: int, height: int) -> str:
    """Return ``portrait``, ``landscape`` or, within five percent, ``square``."""
    if width > height * 1.05:
        return "landscape"
    if height > width * 1.05:
        return "portrait"
    return "square"


def brightness_of(lightness: float) -> str:
    """Name a mean lightness (L*, 0 to 100)."""
    for limit, word in ((22, "very dark"), (42, "dark"), (62, "mid-toned"), (84, "bright")):
        if lightness < limit:
            return word
    return "very bright"


def _light_side(small: Image.Image) -> str:
    grid = list(small.convert("L").resize((3, 3), Image.Resampling.BOX).tobytes())
    middle = sum(grid) / 9
    sides = {
        "left": sum(grid[0::3]) / 3,
        "right": sum(grid[2::3]) / 3,
        "top": sum(grid[0:3]) / 3,
        "bottom": sum(grid[6:9]) / 3,
    }
    brightest = max(sides, key=lambda side: sides[side])
    return brightest if sides[brightest] - middle > SIDE_LIGHT else "even"


def _palette(small: Image.Image) -> list[tuple[float, tuple[int, int, int]]]:
    reduced = small.quantize(PALETTE_SIZE, method=Image.Quantize.MEDIANCUT)
    table = reduced.getpalette() or []
    total = small.width * small.height
    entries: list[tuple[float, tuple[int, int, int]]] = []
    for count, index in reduced.getcolors(PALETTE_SIZE + 1) or []:
        start = 3 * index if isinstance(index, int) else 0
        entries.append((count / total, (table[start], table[start + 1], table[start + 2])))
    return sorted(entries, reverse=True)


def _named_shares(palette: list[tuple[float, tuple[int, int, int]]]) -> tuple[ColourShare, ...]:
    shares: dict[str, float] = {}
    for share, rgb in palette:
        name = name_colour(rgb)
        shares[name] = shares.get(name, 0.0) + share
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ColourShare(name, round(share, 3)) for name, share in ordered)


def look(small: Image.Image, full_size: tuple[int, int]) -> Sighting:
    """Describe a picture from a small RGB copy of it and its full width and height in pixels."""
    palette = _palette(small)
    labs = [(share, to_lab(rgb), rgb) for share, rgb in palette]
    lightness = sum(share * lab[0] for share, lab, _ in labs)
    yellowness = sum(share * lab[2] for share, lab, _ in labs)
    spread = sum(share * (lab[0] - lightness) ** 2 for share, lab, _ in labs) ** 0.5
    vivid = [
        ((lab[1] ** 2 + lab[2] ** 2) ** 0.5, name_colour(rgb))
        for share, lab, rgb in labs
        if share >= ACCENT_SHARE
    ]
    chroma, accent = max(vivid, default=(0.0, ""))
    width, height = full_size
    colours = _named_shares(palette)
    pixels = hashlib.sha256(small.tobytes() + f"{width}x{height}".encode())
    return Sighting(
        width=width,
        height=height,
        orientation=orientation_of(width, height),
        brightness=brightness_of(lightness),
        contrast="strong" if spread > 18 else "soft",
        warmth="warm" if yellowness > 8 else "cool" if yellowness < -6 else "neutral",
        light_side=_light_side(small),
        colours=colours,
        accent=accent if chroma >= ACCENT_CHROMA and accent != colours[0].name else None,
        digest=int.from_bytes(pixels.digest()[:8]),
    )
