"""A worker is told to stop while its database is silent."""

import asyncio

from lab.proxy.postgres import PostgresProxy

from prompt_queue.store.database import Database
from prompt_queue.worker.run import crew
from tests.conftest import until
from tests.worker.conftest import SettingsFactory


async def test_a_claim_without_an_answer_does_not_hold_up_the_end(
    proxy: PostgresProxy, proxied: Database, make_settings: SettingsFactory
) -> None:
    """The loop returns within seconds, not after the statement's own deadline."""
    async with crew(make_settings(), proxied) as parts:
        work = asyncio.create_task(parts.loop.run())

        async def turning() -> bool:
            return parts.leases.progress > 3

        await until(turning)
        proxy.silence()
        seen = parts.leases.progress

        async def claiming_in_silence() -> bool:
            return parts.leases.progress > seen + 5

        await until(claiming_in_silence)
        parts.loop.stop()
        parts.loop.hurry()
        async with asyncio.timeout(8):
            await work
