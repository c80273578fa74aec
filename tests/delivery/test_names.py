"""A receiver's name is looked up when it is called: where it leads inside, nothing is sent."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from prompt_queue.delivery.webhooks import WebhookSender
from prompt_queue.guards.egress import guarded_session
from prompt_queue.jobs.webhooks import DeliveryPolicy
from prompt_queue.store.database import Database
from prompt_queue.store.webhook_store import Delivery, WebhookStore
from prompt_queue.worker.delivery_station import DeliveryStation
from tests.api.running import running
from tests.conftest import until
from tests.delivery.test_station import tell
from tests.guards.rebinding import AskingResolver, rebinding
from tests.guards.test_egress import canary

HOST = "receiver.example.com"
INSIDE = "Its name leads to an address that is not on the public internet; nothing was sent."
PUBLIC = "93.184.215.14"


async def registered(database_url: str, folder: Path) -> UUID:
    """An endpoint by that name, as a user makes it over HTTP."""
    async with running(database_url, folder) as api:
        reply = await api.post("/api/webhooks/endpoints", json={"url": f"https://{HOST}/hook"})
    assert reply.status == 201, reply.content
    return UUID(reply.body["id"])


async def deliver(database: Database, resolver: AskingResolver, *trusted: str) -> None:
    """Claim, handle and settle the one message as a worker does that knows no name yet."""
    outbox = WebhookStore(database)
    async with guarded_session(frozenset(trusted), resolver=resolver) as session:
        station = DeliveryStation(
            outbox,
            WebhookSender(session, 20),
            DeliveryPolicy(base=0.05, tries=2),
            worker="tester",
            base_url="https://queue.example.com",
            lease_seconds=60,
        )
        (claim,) = await until(lambda: station.claim(1))  # type: ignore[misc]
        sent = await station.settle(claim, await station.handle(claim))
        assert sent.applied


async def outcome(database: Database, endpoint: UUID) -> Delivery:
    (found,) = await WebhookStore(database).deliveries(endpoint, 10)
    return found


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_inside_gets_no_connection(
    database_url: str, database: Database, demo: UUID, tmp_path: Path, address: str
) -> None:
    """The endpoint could be made, since its name looks well; the socket is never opened."""
    endpoint = await registered(database_url, tmp_path)
    await tell(database, uuid4())
    async with canary() as (port, seen), rebinding(address) as (_, server):
        await deliver(database, AskingResolver(server, port))
    delivery = await outcome(database, endpoint)
    assert seen == []
    assert delivery.state == "waiting"
    assert [one.error for one in delivery.last_tries] == [INSIDE]


async def test_a_name_that_turns_inside_later_is_refused_then(
    database_url: str, database: Database, demo: UUID, tmp_path: Path
) -> None:
    """The first try finds it on the public internet, the second one on this machine."""
    endpoint = await registered(database_url, tmp_path)
    await tell(database, uuid4())
    async with canary() as (port, seen), rebinding(PUBLIC, "127.0.0.1") as (_, server):
        resolver = AskingResolver(server, port)
        await deliver(database, resolver)
        await deliver(database, resolver)
    delivery = await outcome(database, endpoint)
    assert seen == []
    assert delivery.state == "exhausted"
    # The suite lets nobody out to the public address.
    assert {one.error for one in delivery.last_tries} == {"It could not be reached.", INSIDE}


async def test_the_canary_hears_a_name_that_is_trusted(
    database_url: str, database: Database, demo: UUID, tmp_path: Path
) -> None:
    """The tests above can fail: the same name, resolver and station, and it is connected."""
    endpoint = await registered(database_url, tmp_path)
    await tell(database, uuid4())
    async with canary() as (port, seen), rebinding("127.0.0.1") as (_, server):
        await deliver(database, AskingResolver(server, port), f"{HOST}:443")
    delivery = await outcome(database, endpoint)
    assert len(seen) == 1
    assert [one.error for one in delivery.last_tries] != [INSIDE]
