"""Every alert, by what causes it in life: read from /api/health, and gone once that is mended."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from prompt_queue.store.embedded import EmbeddedPostgres
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.e2e.conftest import surroundings
from tests.e2e.receiver import Receiver, receiving
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

MODEL = "grok-4.7"
OPERATOR = {"Authorization": "Bearer cron"}
ENOUGH = 12
"""Jobs, messages or promises: of fewer than ten a share says nothing."""

THRESHOLDS = {
    "depth": 2, "oldest": 2, "error_rate": 0.05, "processing": 1, "templates": 0.05,
    "breaker_open": 1, "webhooks": 0.05, "promises": 0.7, "horizon": 1,
}  # fmt: skip
DEAD = """
insert into provider_calls (call_id, job_id, user_id, model)
select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'm' from generate_series(1, 60000)
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Where this file's webhooks go."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def pictures() -> Iterator[PictureServer]:
    """Who serves this file's pictures."""
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared_stack(
    xai_stand_in_process: StandIn, pictures: PictureServer, receiver: Receiver
) -> Iterator[Stack]:
    """A server whose workers the tests start and end, and that is quick to be alarmed."""
    settings = {
        "models": MODEL, "rate_tier": "none", "CRON_SECRET": "cron", "concurrency": ENOUGH,
        "alert_thresholds": ",".join(f"{name}={least}" for name, least in THRESHOLDS.items()),
        "TRUSTED_WEBHOOK_HOSTS": receiver.host_port, "webhook_tries": 1,
        "outage_seconds": 0.5, "max_retries": 1, "cron_budget_seconds": 3,
    }  # fmt: skip
    stack = Stack(surroundings(xai_stand_in_process, pictures, **settings), workers=0)
    yield stack.up()
    stack.close()


@pytest.fixture
def stack(shared_stack: Stack, xai_stand_in: StandIn) -> Iterator[Stack]:
    """The stack of this file with a worker, and a provider that is well."""
    if not shared_stack.running("work"):
        shared_stack.work()
        wait_for(lambda: shared_stack.get("/api/health").body["workers"], 15, "the worker lives")
    yield shared_stack
    shared_stack.request("POST", "/api/prompt/queue/resume", {}, OPERATOR)


@pytest.fixture
def photo(pictures: PictureServer) -> str:
    return pictures.add("t.png", plain("teal"))


def alerts(stack: Stack) -> dict[str, dict[str, Any]]:
    """What fires, by name."""
    return {alert["name"]: alert for alert in stack.get("/api/health").body["alerts"]}


def fires(stack: Stack, name: str, seconds: float = 20) -> dict[str, Any]:
    """The alert, once it fires."""
    found = wait_for(lambda: alerts(stack).get(name), seconds, f"{name} fires", every=0.2)
    assert found["threshold"] == THRESHOLDS.get(name, found["threshold"])
    assert len(found["sentence"]) > 20
    return dict(found)


def is_over(stack: Stack, *names: str) -> None:
    """None of them fires any more."""
    wait_for(lambda: not alerts(stack).keys() & set(names), 20, f"{names} are over", every=0.2)


def several(stack: Stack, photo: str, number: int = ENOUGH, **values: Any) -> list[str]:
    return [stack.enqueue(photo, **values) for _ in range(number)]


def ended(stack: Stack, ids: list[str], status: str) -> None:
    assert {stack.final(job_id)["status"] for job_id in ids} == {status}


def press(stack: Stack, act: str, **body: str) -> None:
    answer = stack.request("POST", f"/api/prompt/queue/{act}", body, OPERATOR)
    assert (answer.status, answer.body["changed"]) == (200, True)


def endpoint(stack: Stack, url: str, *events: str) -> None:
    answer = stack.request("POST", "/api/webhooks/endpoints", {"url": url, "events": events})
    assert answer.status == 201, answer


def test_a_queue_that_nobody_works_on(stack: Stack, photo: str, receiver: Receiver) -> None:
    """`depth`, `oldest` and `no_worker`; a cron pass tells their beginning and their end."""
    stack.retire()
    press(stack, "pause", reason="repairs")
    endpoint(stack, f"{receiver.url}/alarms", "alert.firing", "alert.resolved")
    ids = several(stack, photo, THRESHOLDS["depth"] + 1)
    names = {"depth", "oldest", "no_worker"}
    for name in names:
        fires(stack, name)
    assert alerts(stack)["depth"]["value"] == len(ids)

    def passes() -> bool:
        return bool(stack.request("POST", "/api/cron/prompt-processor", {}, OPERATOR).body)

    assert passes()
    wait_for(lambda: names <= receiver.alerts("alert.firing").keys(), 10, "all are told")
    assert "3 prompts wait" in receiver.alerts("alert.firing")["depth"]["sentence"]
    press(stack, "resume")
    stack.work()
    ended(stack, ids, "completed")
    is_over(stack, *names)

    def told() -> bool:
        return passes() and names <= receiver.alerts("alert.resolved").keys()

    wait_for(told, 75, "the end is told too", every=2)


def test_processing_and_promises(stack: Stack, xai_stand_in: StandIn, photo: str) -> None:
    """What is promised while the model is quick is not kept when it is slow."""
    ended(stack, several(stack, photo), "completed")
    assert not alerts(stack).keys() & {"processing", "promises"}
    xai_stand_in.settings(latency_seconds=5)
    ids = several(stack, photo)
    assert "promised times" in fires(stack, "promises", 30)["sentence"]
    ended(stack, ids, "completed")
    assert "on average" in fires(stack, "processing")["sentence"]


def test_error_rate_and_webhooks(stack: Stack, pictures: PictureServer, receiver: Receiver) -> None:
    """Pictures that are none, and a receiver that takes no word of it."""
    assert not alerts(stack).keys() & {"error_rate", "webhooks"}
    endpoint(stack, f"{receiver.url}/broken", "prompt.failed")
    bad = pictures.add("bad.png", b"no picture", content_type="image/png")
    ended(stack, several(stack, bad), "failed")
    assert "failed" in fires(stack, "error_rate")["sentence"]
    assert "not taken" in fires(stack, "webhooks")["sentence"]


def test_out_of_credit_breaker_open_and_templates(
    stack: Stack, xai_stand_in: StandIn, photo: str
) -> None:
    """An account that is empty: who may gets a template, until the operator has paid."""
    names = {"out_of_credit", "breaker_open", "templates"}
    assert not alerts(stack).keys() & names
    xai_stand_in.script({"fault": "credits", "times": 1})
    strict = stack.enqueue(photo, minQuality="model")
    credit = fires(stack, "out_of_credit")
    assert MODEL in credit["sentence"]
    assert f"prompt-queue breaker close {MODEL}" in fires(stack, "breaker_open")["sentence"]
    lax = several(stack, photo)
    ended(stack, lax, "completed")
    assert {stack.job(job_id)["source"] for job_id in lax} == {"template"}
    assert "come from templates" in fires(stack, "templates")["sentence"]
    press(stack, "breaker", model=MODEL, state="closed", reason="paid")
    assert stack.final(strict)["source"] == "model"
    is_over(stack, "out_of_credit", "breaker_open")


async def test_horizon_and_dead_rows(stack: Stack) -> None:
    """A session that forgot its transaction is named; it ends as the alert says, then vacuum helps.

    The dead rows are those of a great transaction that was rolled back.
    """
    names = {"horizon", "dead_rows"}
    assert not alerts(stack).keys() & names
    with EmbeddedPostgres(stack.data_dir) as server:
        dsn = server.start()
        holder = await asyncpg.connect(
            dsn, server_settings={"application_name": "the monthly report"}
        )
        await holder.execute("begin isolation level repeatable read")
        pid = await holder.fetchval("select pg_backend_pid()")
        # Else it may be clean before anybody has looked.
        await stack.sql("alter table provider_calls set (autovacuum_enabled = false)")
        loader = await asyncpg.connect(dsn)
        await loader.execute(f"begin; {DEAD}; rollback")
        # A session that ends leaves its counts of dead rows at once.
        await loader.close()
        said = fires(stack, "horizon")["sentence"]
        assert f"Session {pid} (the monthly report, idle in transaction)" in said
        assert f"select pg_terminate_backend({pid})" in said
        assert "VACUUM provider_calls" in fires(stack, "dead_rows")["sentence"]
        await stack.sql(f"select pg_terminate_backend({pid})")

        async def cut() -> bool:
            return holder.is_closed()

        await until(cut)
        await stack.sql("vacuum provider_calls")
    is_over(stack, *names)
