"""What one user has asked for and paid is nothing to another who asks the same."""

import json
from pathlib import Path
from typing import Any

from prompt_queue.store.database import Database
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.testing import PictureServer, StandIn
from tests.api.running import QUEUE
from tests.conftest import until
from tests.output.strangers import Strangers, User, strangers
from tests.photographs import plain

COSTS = """
select jsonb_build_object('calls', count(*), 'usd', coalesce(sum(c.cost_usd), 0),
  'purse', public.prompt_user_spent($1, clock_timestamp())) as row
from public.provider_calls c where c.user_id = $1
"""
NOTHING = {"calls": 0, "usd": 0, "purse": 0}


async def costs(given: Strangers, user: User) -> dict[str, Any]:
    """The calls in the ledger, what they cost, and what counts against the user's budget."""
    (found,) = await given.rows(COSTS, user.id)
    return found


async def waits_for_another(user: User, path: str) -> bool:
    """Whether the job says that an identical request is being answered."""
    job = await user.call("GET", path)
    return bool(job["waitingReason"]) and job["waitingReason"]["code"] == "waiting_prompt"


async def test_an_identical_request_of_another_user_is_asked_anew(
    database_url: str, tmp_path: Path, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """While the first is under way and after it: no wait for it, no cache, and each pays."""
    xai_stand_in.settings(latency_seconds=1.0)
    url = picture_server.add("same.png", plain("teal"))
    async with strangers(database_url, tmp_path, xai_stand_in, picture_server, 3) as given:
        first, second, third = given.users
        a, b = await first.prompt(url), await second.prompt(url)

        async def both_at_work() -> bool:
            jobs = [await first.call("GET", a), await second.call("GET", b)]
            assert all(job["waitingReason"] is None for job in jobs if job["status"] != "queued")
            assert not await waits_for_another(second, b)
            return [job["status"] for job in jobs] == ["processing"] * 2

        # One who waited for the other would be queued for as long as the call takes.
        await until(both_at_work, 20, every=0.02)
        found = [await first.ended(a), await second.ended(b)]
        found.append(await third.ended(await third.prompt(url)))
        again = await first.ended(await first.prompt(url))
        tag = (await given.api.get(a, headers=first.headers)).headers["ETag"]
        foreign = [
            await given.api.get(a, headers=second.headers | {"If-None-Match": known})
            for known in ("*", tag)
        ]
        paid = [await costs(given, user) for user in given.users]
    assert [job["source"] for job in found] == ["model"] * 3
    assert again["source"] == "cache"
    assert len({frozenset(job) for job in found}) == 1
    assert [(one.status, one.headers["Cache-Control"]) for one in foreign] == [
        (404, "no-store")
    ] * 2
    assert all("ETag" not in one.headers for one in foreign)
    assert [one["calls"] for one in paid] == [1, 1, 1]
    assert all(one["usd"] > 0 and one["purse"] == one["usd"] for one in paid)
    assert len(xai_stand_in.calls()) == 3


async def test_where_users_share_the_one_who_asked_first_pays_alone(
    database_url: str, tmp_path: Path, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Who waits for the call and who comes later get its text, no cost, and nothing else of it."""
    xai_stand_in.settings(latency_seconds=1.0)
    url = picture_server.add("same.png", plain("teal"))
    async with strangers(
        database_url, tmp_path, xai_stand_in, picture_server, 3, cache_shared=True
    ) as given:
        first, second, third = given.users
        a = await first.prompt(url)

        async def asks() -> bool:
            return bool((await costs(given, first))["calls"])

        await until(asks, 20)
        b = await second.prompt(url)
        await until(lambda: waits_for_another(second, b), 20, every=0.02)
        found = [await first.ended(a), await second.ended(b)]
        paid = await costs(given, first)
        c = await third.prompt(url)
        found.append(await third.ended(c))
        assert [job["source"] for job in found] == ["model", "cache", "cache"]
        assert len({job["generatedPrompt"] for job in found}) == 1
        assert [await costs(given, user) for user in given.users] == [paid, NOTHING, NOTHING]
        assert paid["calls"] == 1
        assert paid["purse"] == paid["usd"] > 0
        known = {str(first.id), a.rpartition("/")[2], str(found[0]["rowId"])}
        for user, path in ((second, b), (third, c)):
            shown = [await user.call("GET", path), await user.call("GET", f"{path}/timeline")]
            assert shown[1]["calls"] == []
            assert not [one for one in known if one in json.dumps(shown)]
            receipt = await user.call("GET", "/api/me")
            assert not [one for one in known if one in json.dumps(receipt)]
    assert len(xai_stand_in.calls()) == 1


async def test_what_a_cancel_saves_is_told_by_the_users_own_calls(
    database_url: str, database: Database, tmp_path: Path, xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:  # fmt: skip
    """What others have paid lately can be read from no receipt."""
    url = picture_server.add("same.png", plain("teal"))
    async with strangers(database_url, tmp_path, xai_stand_in, picture_server) as given:
        first, _ = given.users
        await first.ended(await first.prompt(url))
        paid = await costs(given, first)
        await OperatorStore(database).pause(None, "a test", "test")
        saved = []
        for user in given.users:
            path = await user.prompt(url, cache="off")
            saved.append((await user.call("DELETE", path))["receipt"]["savedUsd"])
            timeline = json.dumps(await user.call("GET", f"{path}/timeline"))
            assert ("savedUsd" in timeline) is (user is first)
    assert saved == [round(paid["usd"], 6), None]


async def test_the_idempotency_key_of_another_user_is_free(
    database_url: str, tmp_path: Path, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """The same key and the same words make a job of one's own; the first one's answer stays."""
    url = picture_server.add("same.png", plain("teal"))
    async with strangers(
        database_url, tmp_path, xai_stand_in, picture_server, at_work=False
    ) as given:
        made: list[tuple[str, Any]] = []
        for user in (*given.users, given.users[0]):
            row = await user.call("POST", "/api/rows", json={"targetUrl": url})
            body = {"targetUrl": url} | ({"rowId": row["rowId"]} if len(made) < 2 else made[0][1])
            key = {"Idempotency-Key": "the-same"}
            answer = await user.call("POST", QUEUE, json=body, headers=key)
            made.append((answer["promptJobId"], {"rowId": row["rowId"]}))
    ids = [job for job, _ in made]
    assert ids[0] == ids[2] != ids[1]
