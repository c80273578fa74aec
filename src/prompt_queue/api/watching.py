"""What can be watched, and how it looks: the same JSON as the routes that read one job give."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from prompt_queue.api import jobs, prompts
from prompt_queue.api.parts import Parts
from prompt_queue.api.views import job_summary

_AT_ONCE = 3
"""Looks at a time, so that requests find a connection to the database free."""
GONE = "null"


@dataclass(frozen=True, slots=True)
class Subject:
    """One job that is watched, with its pictures where it is one of those."""

    id: UUID
    is_pictures: bool


@dataclass(frozen=True, slots=True)
class View:
    """The present state of a subject: JSON in one line, and whether it will change by itself."""

    body: str
    is_final: bool


class Views:
    """Looks at many subjects with few statements."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def of(self, subjects: Collection[Subject]) -> dict[Subject, View]:
        """A view of each; of one that is gone, too. Raises DatabaseUnavailable, DatabaseRefused."""
        if not subjects:
            return {}
        ids = [subject.id for subject in subjects if not subject.is_pictures]
        found = await self._parts.event_store.prompt_jobs(ids) if ids else {}
        ids = [subject.id for subject in subjects if subject.is_pictures]
        rows = await self._parts.picture_store.find_all(ids) if ids else {}

        async def of_prompt(subject: Subject) -> View:
            if subject.id not in found:
                return View(GONE, is_final=True)
            view, _ = await prompts.look_at(self._parts, found[subject.id])
            return View(view.model_dump_json(by_alias=True), view.status.is_final)

        async def of_pictures(subject: Subject) -> View:
            if subject.id not in rows:
                return View(GONE, is_final=True)
            view, _ = await jobs.look_at(self._parts, rows[subject.id])
            return View(view.model_dump_json(by_alias=True), view.status.is_final)

        looks = [
            self._in_turn(of_pictures if subject.is_pictures else of_prompt, subject)
            for subject in subjects
        ]
        return dict(zip(subjects, await asyncio.gather(*looks), strict=True))

    async def of_user(self, user_id: UUID) -> str:
        """The open jobs of a user, in JSON."""
        parts = self._parts
        summaries = [
            job_summary(job, base_url=parts.base_url, stand_in=parts.stand_in)
            for job in await parts.event_store.open_jobs(user_id)
        ]
        pictures = [Subject(i, True) for i in await parts.event_store.open_picture_jobs(user_id)]
        views = await self.of(pictures)
        prompts_json = ",".join(s.model_dump_json(by_alias=True) for s in summaries)
        jobs_json = ",".join(views[subject].body for subject in pictures)
        return f'{{"promptJobs":[{prompts_json}],"jobs":[{jobs_json}]}}'

    async def _in_turn(self, look: Callable[[Subject], Awaitable[View]], subject: Subject) -> View:
        async with self._places:
            return await look(subject)
