"""Pause, resume and retry by filter over HTTP."""

from uuid import UUID

from tests.api.conftest import CRON_SECRET
from tests.api.running import QUEUE, Api

OPERATOR = {"Authorization": f"Bearer {CRON_SECRET}"}


async def test_pausing_needs_the_operator(api: Api) -> None:
    """Whoever may enqueue may not stop the queue for everybody."""
    for act in ("pause", "resume", "breaker", "limits"):
        reply = await api.post(f"{QUEUE}/{act}", json={})
        assert (reply.status, reply.body["code"]) == (401, "unauthorized")


async def test_a_paused_queue_says_so_and_goes_on(api: Api) -> None:
    """Pause and resume may be repeated, and health names the pause."""
    first = await api.post(f"{QUEUE}/pause", json={"reason": "repairs"}, headers=OPERATOR)
    assert (first.status, first.body) == (
        200,
        {"changed": True, "queuePaused": True, "pausedModels": [], "pausedPriorities": []},
    )
    again = await api.post(f"{QUEUE}/pause", json={}, headers=OPERATOR)
    assert again.body["changed"] is False
    health = (await api.get("/api/health")).body
    assert any("paused" in reason for reason in health["reasons"])
    model = await api.post(f"{QUEUE}/pause", json={"model": "grok-4.7"}, headers=OPERATOR)
    assert model.body["pausedModels"] == ["grok-4.7"]
    resumed = await api.post(f"{QUEUE}/resume", json={}, headers=OPERATOR)
    assert (resumed.body["changed"], resumed.body["queuePaused"]) == (True, False)


async def test_a_wrong_filter_is_named(api: Api) -> None:
    """A field that does not exist is refused instead of retrying everything."""
    reply = await api.post(f"{QUEUE}/retry", json={"errorcode": "refused"})
    assert (reply.status, reply.body["code"]) == (422, "invalid_request")
    reply = await api.post(f"{QUEUE}/retry", json={"limit": 0})
    assert reply.status == 422
    assert (await api.post(f"{QUEUE}/retry", json={})).body == {"retried": 0}


async def test_limits_are_set_seen_and_taken_away(api: Api) -> None:
    """May be repeated; what is no limit is refused at its field and changes nothing."""
    asked = {"model": "grok-4.7", "requestsPerSecond": 30, "tokensPerMinute": 1_000_000}
    for changed in (True, False):
        reply = await api.post(f"{QUEUE}/limits", json=asked, headers=OPERATOR)
        assert (reply.status, reply.body["changed"]) == (200, changed)
    for wrong in ({"requestsPerSecond": 0}, {"requestsPerSecond": 5, "tokensPerMinute": -1}):
        body = {"model": "grok-4.7"} | wrong
        reply = await api.post(f"{QUEUE}/limits", json=body, headers=OPERATOR)
        assert (reply.status, reply.body["code"]) == (422, "invalid_request")
    gone = await api.post(f"{QUEUE}/limits", json={"model": "grok-4.7"}, headers=OPERATOR)
    assert (gone.status, gone.body["changed"]) == (200, True)


async def test_a_band_of_priorities_is_paused_by_its_word(api: Api, demo: UUID) -> None:
    """Its jobs say which band and how it goes on, and promise no time; others wait as before."""
    await api.parts.worker_store.seen("w", "here", 1, 4, 0)
    await api.queued(demo, priority=9)
    reply = await api.post(
        f"{QUEUE}/pause", json={"band": "low", "reason": "a crowd"}, headers=OPERATOR
    )
    assert (reply.status, reply.body["pausedPriorities"]) == (200, [1, 2, 3])
    # Looked at a moment before, and looked at anew for the pause.
    low, normal = await api.queued(demo, priority=2), await api.queued(demo)
    seen = (await api.get(f"{QUEUE}/{low}")).body
    assert (seen["waitingReason"]["code"], seen["eta"]) == ("paused", None)
    assert seen["etaReason"] == "paused"
    assert "priorities 1 to 3 (low)" in seen["waitingReason"]["detail"]
    assert "resume --band 1-3" in seen["waitingReason"]["detail"]
    other = (await api.get(f"{QUEUE}/{normal}")).body
    assert (other["waitingReason"]["code"], other["eta"] is None) == ("position", False)
    health = (await api.get("/api/health")).body
    assert any("priorities 1 to 3 (low) are paused" in reason for reason in health["reasons"])
    (paused,) = (await api.get("/api/ops/overview", headers=OPERATOR)).body["paused"]["priorities"]
    assert (paused["from"], paused["to"], paused["reason"]) == (1, 3, "a crowd")
    body = {"priorities": {"from": 1, "to": 3}}
    resumed = await api.post(f"{QUEUE}/resume", json=body, headers=OPERATOR)
    assert (resumed.body["changed"], resumed.body["pausedPriorities"]) == (True, [])
    acts = (await api.get("/api/ops/audit", headers=OPERATOR)).body["data"]
    assert [(one["act"], one["about"]) for one in acts] == [
        ("resumed", "priorities 1 to 3"), ("paused", "priorities 1 to 3")
    ]  # fmt: skip


async def test_what_is_no_band_pauses_nothing(api: Api) -> None:
    """Two things at once, a word that is none, a range that is empty: refused with a sentence."""
    for body in (
        {"band": "low", "model": "grok-4.7"}, {"band": "urgent"},
        {"priorities": {"from": 3, "to": 1}}, {"priorities": {"from": 0, "to": 3}},
        {"priorities": {"from": 1}},
    ):  # fmt: skip
        reply = await api.post(f"{QUEUE}/pause", json=body, headers=OPERATOR)
        assert (reply.status, reply.body["code"]) == (422, "invalid_request"), body
    assert await api.parts.operator_store.pauses() == []
    assert await api.parts.operator_store.paused_priorities() == []
