"""Which of the configured models the provider lists: `GET /v1/models` of the xAI API."""

import asyncio
import json
import logging
from collections.abc import Collection, Sequence

import aiohttp

LISTING_SECONDS = 10.0
"""How long the provider may take to list its models."""

_MOST_BYTES = 2 * 1024 * 1024

logger = logging.getLogger(__name__)


def model_names(body: bytes) -> frozenset[str]:
    """Every name and alias in a list of models; empty where the body is not such a list."""
    try:
        entries = json.loads(body)["data"]
        return frozenset(
            name for entry in entries for name in (entry["id"], *(entry.get("aliases") or ()))
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


async def listed_models(
    session: aiohttp.ClientSession, base: str, api_key: str
) -> frozenset[str] | None:
    """What the provider lists; None where it cannot be learned now. Costs nothing."""
    try:
        async with (
            asyncio.timeout(LISTING_SECONDS),
            session.get(
                f"{base.rstrip('/')}/models",
                headers={"Authorization": f"Bearer {api_key.strip()}"},
                allow_redirects=False,
            ) as response,
        ):
            body = await response.content.read(_MOST_BYTES)
            status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        logger.warning("the list of models could not be read: %s", type(error).__name__)
        return None
    names = model_names(body) if status == 200 else frozenset()
    if not names:
        logger.warning("the list of models could not be read: status %s", status)
    return names or None


class ModelChain:
    """The models in the order in which they are asked, without those that are not listed."""

    def __init__(self, models: Sequence[str]) -> None:
        if not models:
            raise ValueError("name at least one model")
        self.configured = tuple(models)
        self.names = self.configured

    def learn(self, listed: Collection[str]) -> tuple[str, ...]:
        """Skip what is not listed, and return it; where nothing is left, all stay."""
        missing = tuple(model for model in self.configured if model not in listed)
        left = tuple(model for model in self.configured if model in listed)
        self.names = left or self.configured
        return missing
