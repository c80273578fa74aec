"""The picture models that we know: what they take, how many pictures, in which order. Pure.

From WaveSpeed's model pages (https://wavespeed.ai/docs); prices in USD a picture are those of the
pages and go into the ledger as estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from prompt_queue.jobs.errors import BadInput

LEAST_SIDE: Final = 256
MOST_SIDE: Final = 4096
"""Pixels that a request may ask for a side; a model rounds within its own bounds."""

Sizing = Literal["size", "aspect", "resolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureModel:
    """One model.

    `sizing`: size as "W*H"; an aspect ratio; or aspect ratio and resolution. `sides` bound a side
    in pixels where it takes a size. `target_first`: the picture to edit comes first.
    """

    name: str
    most_pictures: int
    sizing: Sizing
    price_usd: Decimal
    sides: tuple[int, int] = (1024, 4096)
    ratios: Sequence[str] = ()
    output_format: str | None = None
    target_first: bool = False


_WIDE = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
_BANANA = ("1:1", "3:2", "2:3", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")

MODELS: Final = (
    PictureModel(name="bytedance/seedream-v4/edit", most_pictures=10, sizing="size",
                 price_usd=Decimal("0.027")),
    PictureModel(name="bytedance/seedream-v4.5/edit", most_pictures=10, sizing="size",
                 price_usd=Decimal("0.04")),
    PictureModel(name="google/nano-banana/edit", most_pictures=10, sizing="aspect",
                 price_usd=Decimal("0.038"), ratios=_BANANA, output_format="png",
                 target_first=True),
    PictureModel(name="google/nano-banana-pro/edit", most_pictures=10, sizing="resolution",
                 price_usd=Decimal("0.14"), ratios=_BANANA, output_format="png",
                 target_first=True),
    PictureModel(name="google/nano-banana-2.1/edit", most_pictures=14, sizing="resolution",
                 price_usd=Decimal("0.07"), ratios=(*_BANANA, "1:4", "4:1", "1:8", "8:1"),
                 output_format="png", target_first=True),
    PictureModel(name="wavespeed-ai/flux-kontext-pro", most_pictures=1, sizing="aspect",
                 price_usd=Decimal("0.04"), ratios=_WIDE),
    PictureModel(name="wavespeed-ai/qwen-image/edit", most_pictures=1, sizing="size",
                 price_usd=Decimal("0.02"), sides=(256, 1536), output_format="jpeg"),
)  # fmt: skip

_SHORT: Final = {
    "seedream": "bytedance/seedream-v4/edit",
    "seedream-v4": "bytedance/seedream-v4/edit",
    "seedream-v4/edit": "bytedance/seedream-v4/edit",
    "seedream-v4.5": "bytedance/seedream-v4.5/edit",
    "nano-banana": "google/nano-banana/edit",
    "nano-banana-pro": "google/nano-banana-pro/edit",
    "nano-banana-2.1": "google/nano-banana-2.1/edit",
    "flux-kontext": "wavespeed-ai/flux-kontext-pro",
    "flux-kontext-pro": "wavespeed-ai/flux-kontext-pro",
    "qwen-image": "wavespeed-ai/qwen-image/edit",
    "qwen-image/edit": "wavespeed-ai/qwen-image/edit",
}
_BY_NAME: Final = {model.name: model for model in MODELS}


def find_picture_model(name: str) -> PictureModel | None:
    """The model of this name, or of this short name."""
    return _BY_NAME.get(_SHORT.get(name, name))


def known_picture_models() -> list[str]:
    """Every name, for a message."""
    return sorted({*_BY_NAME, *_SHORT})


def check_picture_count(model: PictureModel, references: int) -> None:
    """Raises BadInput where the model does not take so many pictures."""
    if references + 1 > model.most_pictures:
        takes = (
            "takes the target picture alone" if model.most_pictures == 1
            else f"takes {model.most_pictures} pictures, the target among them"
        )  # fmt: skip
        raise BadInput(f"{model.name} {takes}; send fewer references or choose another model.")
