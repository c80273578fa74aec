"""Looks up, at the start and then daily, which models of the chain the provider lists."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from prompt_queue.generation.listing import ModelChain
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.model_store import ModelStore
from prompt_queue.telemetry import Event, log

DAY_SECONDS = 86_400.0
AGAIN_SECONDS = 600.0
"""Pause after a list that could not be read."""


class ModelWatch:
    """`listing` asks the provider; None: it could not be learned."""

    def __init__(
        self,
        chain: ModelChain,
        store: ModelStore,
        listing: Callable[[], Awaitable[frozenset[str] | None]],
    ) -> None:
        self._chain = chain
        self._store = store
        self._listing = listing

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                known = await self.look()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))
                known = False
            pause = DAY_SECONDS if known else AGAIN_SECONDS
            await asyncio.sleep(pause * random.uniform(0.9, 1))  # noqa: S311 - jitter

    async def look(self) -> bool:
        """Ask the provider, tell the others; False where it could not be learned."""
        listed = await self._listing()
        if listed is None:
            return False
        self._learn(listed)
        await self._store.note_listed(self._chain.configured, listed)
        return True

    async def recall(self) -> None:
        """Use what a worker learned within the last day, else ask: for passes of a minute."""
        listed = await self._store.listed(self._chain.configured, DAY_SECONDS)
        if listed is None:
            await self.look()
        else:
            self._learn(listed)

    def _learn(self, listed: frozenset[str] | set[str]) -> None:
        for model in self._chain.learn(listed):
            log(Event.MODEL_UNLISTED, level="warning", model=model, asked=self._chain.names)
