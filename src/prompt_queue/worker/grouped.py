"""Groups single writes into one statement a batch, without making the first one wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_BATCH = 500


class Grouped(Generic[Item, Result]):
    """An idle group writes at once; what arrives during a write leaves together afterwards."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        """`write` returns one result an item, in order."""
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Write the item with whoever else is waiting; raises what `write` raised for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        # The write has a task of its own: a caller that is cancelled takes nobody with it.
        return await future

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            del self._waiting[:LARGEST_BATCH]
            await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            if len(batch) > 1:
                # One bad item must not fail its neighbours: each by itself.
                for entry in batch:
                    await self._write_batch([entry])
                return
            self._answer(batch[0][1], error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    @staticmethod
    def _answer(future: "asyncio.Future[Result]", error: Exception) -> None:
        if not future.done():
            future.set_exception(error)
            # Its caller may have been cancelled meanwhile; the exception counts as seen.
            future.exception()
