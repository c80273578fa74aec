"""What a picture costs, as the provider says for this account; kept for an hour."""

import asyncio
import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from prompt_queue.dispatch.replies import CallRefused
from prompt_queue.jobs.generation_models import PictureModel

KEPT_SECONDS = 3600.0
PATIENCE_SECONDS = 3.0
"""A price is for the book; a picture does not wait for it for longer."""

logger = logging.getLogger(__name__)


class Quoting(Protocol):
    """Whoever knows prices."""

    async def price(self, model: str, inputs: Mapping[str, Any]) -> Decimal | None:
        """USD for one call. Raises CallRefused."""
        ...


class Prices:
    """One question an hour and model; the price of the model's page where there is no answer."""

    def __init__(self, quoting: Quoting) -> None:
        self._quoting = quoting
        self._known: dict[str, tuple[float, Decimal]] = {}

    def last(self, model: PictureModel) -> Decimal:
        """The price that was heard last, in USD."""
        _, price = self._known.get(model.name, (0.0, model.price_usd))
        return price

    async def of(self, model: PictureModel, inputs: Mapping[str, Any]) -> Decimal:
        """The price of a call with these inputs, in USD; other sizes may cost otherwise."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(model.name)
        if known is not None and now < known[0] + KEPT_SECONDS:
            return known[1]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                price = await self._quoting.price(model.name, inputs)
        except (CallRefused, TimeoutError):
            logger.warning(
                "the price of %s is not to be had; that of its page is booked", model.name
            )
            price = None
        # What was not heard is not asked for each picture either.
        self._known[model.name] = (now, price or self.last(model))
        return self._known[model.name][1]
