"""What is said about the waits of picture jobs: prompt and picture together."""

from collections.abc import Sequence
from dataclasses import dataclass

from prompt_queue.jobs.job import PromptJob
from prompt_queue.jobs.outlook import Outlook, Told
from prompt_queue.jobs.picture import PictureRow, PictureStatus, status_of_all
from prompt_queue.jobs.waiting import Standing, WaitingReason, waits_for_prompt
from prompt_queue.store.outlook import told_of_prompt, why_prompt_waits
from prompt_queue.store.prompt_store import Place, PromptStore
from prompt_queue.store.wait_store import WaitStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWait:
    """A forecast and a reason; None where there is nothing to wait for."""

    told: Told | None = None
    reason: WaitingReason | None = None


async def picture_wait(
    waits: WaitStore,
    prompts: PromptStore,
    outlook: Outlook,
    rows: Sequence[PictureRow],
    prompt_job: PromptJob | None,
) -> PictureWait:
    """How long a job takes yet, and why it does not go on. Raises DatabaseUnavailable."""
    first, status = rows[0], status_of_all({row.status for row in rows})
    if status.is_final:
        return PictureWait()
    if status is PictureStatus.WAITING_PROMPT and prompt_job is not None:
        place = await prompts.place(prompt_job.id)
        return _behind_prompt(first, prompt_job, place, outlook)
    if status is PictureStatus.QUEUED:
        ahead, _ = await waits.pictures_before(first.priority, first.created_at)
        return PictureWait(
            told=outlook.picture(ahead, first.priority),
            reason=outlook.reason(
                _standing(rows, ahead, outlook), outlook.pictures, first.priority
            ),
        )
    since = min((row.submitted_at for row in rows if row.submitted_at), default=first.updated_at)
    elapsed = max((outlook.now - since).total_seconds(), 0.0)
    return PictureWait(told=outlook.picture_at_work(elapsed))


def _behind_prompt(
    first: PictureRow, prompt_job: PromptJob, place: Place | None, outlook: Outlook
) -> PictureWait:
    prompt = told_of_prompt(prompt_job, place, outlook)
    told = outlook.picture(0, first.priority, prompt.expected if prompt else None)
    return PictureWait(
        told=told, reason=waits_for_prompt(why_prompt_waits(prompt_job, place, outlook))
    )


def _standing(rows: Sequence[PictureRow], ahead: int, outlook: Outlook) -> Standing:
    queued = [row for row in rows if row.status is PictureStatus.QUEUED]
    due = min((row.due_at for row in queued if row.due_at), default=None)
    waits = due is not None and due > outlook.now and any(row.error_code for row in queued)
    code = next((row.error_code for row in queued if row.error_code), None)
    return Standing(
        state="delayed" if waits else "ready",
        position=ahead,
        next_attempt_at=due if waits else None,
        error_code=code,
    )
