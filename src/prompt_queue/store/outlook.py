"""A look at everything that decides about waits, and what it says of one prompt job."""

from collections.abc import Sequence
from dataclasses import dataclass

from prompt_queue.jobs.eta import Conditions, Pace
from prompt_queue.jobs.job import PromptJob, Status
from prompt_queue.jobs.outlook import EXACT_POSITIONS, Line, Outlook, Told
from prompt_queue.jobs.waiting import Hold, Standing, WaitingReason, first_hold
from prompt_queue.store.prompt_store import Place, QueueStats
from prompt_queue.store.wait_store import WaitStore

PICTURE_GUESS = Pace(slot=15.0, median=15.0, p90=40.0)
"""What a picture is assumed to take until some have been measured."""

_MANY_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Ladder:
    """The models in the order in which they are asked, and the name of the picture provider."""

    models: Sequence[str]
    picture_provider: str = "wavespeed"


async def look_out(waits: WaitStore, stats: QueueStats, ladder: Ladder) -> Outlook:
    """What can be said about waits now. Raises DatabaseUnavailable."""
    now, known = await waits.models([*ladder.models, ladder.picture_provider])
    *models, painter = known
    hold = first_hold([model.state for model in models])
    picture_hold = first_hold([painter.state])
    prompts = await waits.tests("prompt")
    painted = await waits.tests("picture")
    at_once = await waits.pictures_at_once()
    paused = await waits.paused_priorities()
    arrivals = await waits.arrivals()
    return Outlook(
        now=now,
        workers=stats.workers,
        queue_paused=stats.paused,
        prompts=Line(
            conditions=Conditions(
                slots=stats.slots,
                busy=stats.total_processing,
                pace=await waits.pace(),
                rate=models[0].rate if models else None,
                closed_seconds=_seconds(hold),
                # Who arrives and stays where it is passes nobody.
                arrivals={p: rate for p, rate in arrivals.items() if p not in paused},
            ),
            hold=hold,
            starts=prompts.starts,
            ends=prompts.ends,
        ),
        pictures=Line(
            conditions=Conditions(
                slots=at_once or _MANY_AT_ONCE,
                pace=await waits.picture_pace(PICTURE_GUESS),
                rate=painter.rate,
                closed_seconds=_seconds(picture_hold),
            ),
            hold=picture_hold,
            starts=painted.starts,
            ends=painted.ends,
        ),
        lanes=await waits.lanes() if stats.total_queued > EXACT_POSITIONS else {},
        paused_priorities=paused,
    )


def _seconds(hold: Hold | None) -> float:
    return 0.0 if hold is None or hold.seconds is None else hold.seconds


def told_of_prompt(job: PromptJob, place: Place | None, outlook: Outlook) -> Told | None:
    """The forecast for a prompt job; None where it has ended."""
    if job.status.is_final:
        return None
    if job.status is Status.PROCESSING:
        elapsed = (outlook.now - job.started_at).total_seconds() if job.started_at else 0.0
        return outlook.prompt_at_work(max(elapsed, 0.0))
    if place is None:
        return outlook.prompt(0, job.priority)
    position, _ = outlook.position(place.ahead, job.priority, place.share)
    delay = 0.0
    if place.next_attempt_at is not None and not place.follows:
        delay = (place.next_attempt_at - outlook.now).total_seconds()
    return outlook.prompt(position, job.priority, delay=delay)


def why_prompt_waits(job: PromptJob, place: Place | None, outlook: Outlook) -> WaitingReason | None:
    """What a prompt job waits for; None where it does not."""
    if job.status is not Status.QUEUED or place is None:
        return None
    position, is_exact = outlook.position(place.ahead, job.priority, place.share)
    standing = Standing(
        state=place.state,
        position=position,
        is_exact=is_exact,
        next_attempt_at=place.next_attempt_at,
        follows=place.follows,
        error_code=job.error_code,
    )
    return outlook.reason(standing, outlook.prompts, job.priority)
