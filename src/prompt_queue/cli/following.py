"""Waiting for a job to end, with a progress bar on a terminal."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prompt_queue.cli.output import console, printable
from prompt_queue.cli.server import JsonObject, QueueServer, ServerAway
from prompt_queue.jobs.job import Status

LONGEST_POLL_SECONDS = 30.0
AWAY_SECONDS = 30.0
"""How long the server may be away, for example to be started anew, before that is an error."""

_TICK_SECONDS = 0.2
_NEVER_FULLER = 0.95
_SHOWN_CHARACTERS = 48


async def follow(server: QueueServer, accepted: JsonObject, timeout: float) -> JsonObject:
    """The job when it has ended, or as it is after `timeout` seconds.

    Raises ServerAway, CommandFailed.
    """
    job_id = str(accepted["promptJobId"])
    try:
        with _bar(accepted) as show:
            return await _until_final(server, job_id, accepted, timeout, show)
    except asyncio.CancelledError:
        sys.stderr.write(f"the job goes on; look at it with: prompt-queue status {job_id}\n")
        raise


async def _until_final(
    server: QueueServer,
    job_id: str,
    job: JsonObject,
    timeout: float,
    show: Callable[[JsonObject], None],
) -> JsonObject:
    clock = asyncio.get_running_loop().time
    end, answered_at = clock() + timeout, clock()
    etag = ""
    while True:
        left = end - clock()
        # The first look does not wait: it brings the ETag that later ones wait on.
        poll = min(LONGEST_POLL_SECONDS, max(left, 0)) if etag else 0
        try:
            etag, news = await server.job(job_id, etag, poll)
        except ServerAway:
            if clock() - answered_at > AWAY_SECONDS or clock() >= end:
                raise
            await asyncio.sleep(1)
            continue
        answered_at = clock()
        if news is not None:
            job = news
            show(job)
        if Status(job["status"]).is_final or clock() >= end:
            return job
        if left < 1:
            await asyncio.sleep(max(left, 0.1))


@contextmanager
def _bar(accepted: JsonObject) -> Iterator[Callable[[JsonObject], None]]:
    """Shows time against the estimate; the callable takes the news about the job."""
    err = console(err=True)
    if not err.is_terminal:
        yield lambda _job: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, redirect_stdout=False) as progress:
        total = max(float(accepted["estimatedWaitTime"]), 1.0)
        task = progress.add_task(_words(accepted), total=total)

        async def tick() -> None:
            while True:
                fill = min(progress.tasks[0].elapsed or 0.0, total * _NEVER_FULLER)
                progress.update(task, completed=fill)
                await asyncio.sleep(_TICK_SECONDS)

        ticking = asyncio.create_task(tick())
        try:
            yield lambda job: progress.update(task, description=_words(job))
        finally:
            ticking.cancel()


def _words(job: JsonObject) -> str:
    if job["status"] == Status.QUEUED and job.get("position"):
        return f"queued, {job['position']} ahead"
    if written := job.get("partialPrompt"):
        return f"...{printable(written).strip()[-_SHOWN_CHARACTERS:]}"
    return str(job["status"])
