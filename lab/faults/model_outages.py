"""Models fail for seconds, one or all, in every way they know; workers die beside them."""

import asyncio
import time
from typing import Any, Final

from lab.quota import until_enough
from lab.rig import Rig
from prompt_queue.jobs.job import MinQuality
from prompt_queue.store.model_store import ModelStore

KIND: Final = "take models out of order"
TRIALS: Final = 40
_MODELS = ("grok-4.7", "grok-4.6")
_WORKERS = 3
_OPEN_JOBS = 12
_TRIAL_SECONDS = 15.0
_MENDING_SECONDS = 12.0
_WRONG_KEY = {"code": "invalid-argument", "error": "Incorrect API key provided: xai-***"}
_GONE = {"code": "not-found", "error": "The model does not exist or your team has no access."}
# The account's faults are every model's; the operator mends them, and says so.
_PLANS: Final[dict[str, list[dict[str, Any]]]] = {
    "first down": [{"fault": "status", "status": 503, "model": _MODELS[0]}],
    "all down": [{"fault": "status", "status": 503}],
    "second down, first resets": [
        {"fault": "reset", "model": _MODELS[0]},
        {"fault": "status", "status": 500, "model": _MODELS[1]},
    ],
    "all silent": [{"fault": "hang", "seconds": 4}],
    "first gone": [{"fault": "status", "status": 404, "body": _GONE, "model": _MODELS[0]}],
    "rate limited": [{"fault": "rate_limit", "retryAfter": 1}],
    "no credit": [{"fault": "credits"}],
    "wrong key": [{"fault": "status", "status": 400, "body": _WRONG_KEY}],
}
_ACCOUNT = frozenset({"no credit", "wrong key"})
_OPEN = "select count(*) from public.prompt_model_health where state = 'open'"


async def run(rig: Rig, trials: int) -> int:
    """Returns how many outages were met by a call."""
    names = tuple(_PLANS)
    rig.client.qualities = tuple(MinQuality)

    async def outage(number: int) -> bool:
        name = names[number % len(names)]
        before = len(rig.stand_in.calls())
        rig.stand_in.script(*(fault | {"times": -1} for fault in _PLANS[name]))
        await asyncio.sleep(rig.random.uniform(0.3, 2))
        if rig.random.random() < 0.5:
            victim = rig.random.randrange(_WORKERS)
            await rig.kill(crew[victim])
            crew[victim] = await rig.forks.start(**settings)
        await asyncio.sleep(rig.random.uniform(0.3, 5))
        rig.stand_in.clear_faults()
        met = [call["outcome"] for call in rig.stand_in.calls()[before:]]
        hit = any(outcome.startswith("fault:") for outcome in met)
        await _mended(rig, by_hand=name in _ACCOUNT)
        rig.hits[name] += hit
        return hit

    settings: dict[str, Any] = {
        "models": _MODELS,
        "attempt_timeout_seconds": 1.0,
        "attempt_timeout_max_seconds": 2.0,
        "outage_seconds": 1.5,
    }
    async with rig.crew(_WORKERS, **settings) as crew, rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [outage])


async def _mended(rig: Rig, *, by_hand: bool) -> None:
    """Until the breakers are closed again: by a probe, or by the operator, who waits no longer."""
    until = time.monotonic() + (0 if by_hand else _MENDING_SECONDS)
    while await rig.look(_OPEN) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    for model in _MODELS:
        await ModelStore(rig.database).set_breaker(
            model, is_open=False, seconds=None, reason="mended", actor="lab"
        )
