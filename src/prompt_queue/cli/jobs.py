"""`jobs`, `retry`, `cancel` and `supply`: jobs by their ids, in the database."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.documents import JsonObject, job_document
from prompt_queue.cli.errors import ExitCode
from prompt_queue.cli.job_view import job_table
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, print_json, print_text
from prompt_queue.jobs.job import Status

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

JobIds = Annotated[list[UUID], typer.Argument(metavar="ID...", help="One or more jobs.")]

_SENTENCES = {
    "retried": "waits in the queue again, with all its retries",
    "not_failed": "is {status}; only a failed job can be retried",
    "cancelled": "is cancelled{spent}",
    "already_cancelled": "was cancelled before",
    "already_final": "is {status} and stays so",
    "supplied": "is completed with your prompt",
    "already_supplied": "has that prompt already",
    "successor": "carries your prompt, in the place of the job that has one already",
    "already_completed": "has a prompt that came first; --successor makes a new job with yours",
    "not_found": "does not exist",
}
_DONE = frozenset(
    {"retried", "cancelled", "already_cancelled", "supplied", "already_supplied", "successor"}
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(jobs)
    app.command()(retry)
    app.command()(cancel)
    app.command()(supply)


def jobs(
    status: Annotated[Status | None, typer.Option(help="Only jobs with this status.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    user: Annotated[UUID | None, typer.Option(help="Only jobs of this user.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List jobs, newest first."""

    async def work(database: "Database", _settings: "Settings") -> list[JsonObject]:
        from prompt_queue.store.prompt_store import Filter, PromptStore

        which = Filter(user_id=user, status=status)
        found = await PromptStore(database).list_jobs(which, limit + 1)
        return [job_document(job) for job in found]

    found = run_with_database(data_dir, work)
    page, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"data": page, "hasMore": more})
    elif not page:
        print_text("no jobs")
    else:
        console().print(job_table(page))
        if more:
            print_text(f"there are more; see them with --limit {min(limit * 5, 1000)}", "dim")


def retry(
    ids: Annotated[
        list[UUID] | None, typer.Argument(metavar="ID...", help="One or more jobs.")
    ] = None,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="All failed jobs that fit, instead of single ones.")
    ] = False,
    code: Annotated[
        str | None, typer.Option(help="With --failed: only this class, such as provider_timeout.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="With --failed: at most so many.", min=1, max=100_000)
    ] = 1000,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put failed jobs back into the queue, with all their retries."""
    if failed == bool(ids):
        raise typer.BadParameter("name jobs, or give --failed (with --code to narrow it)")
    if failed:
        _retry_many(code, limit, as_json, data_dir)
    else:
        _retry_single(ids or [], as_json, data_dir)


def _retry_many(code: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    async def work(database: "Database", _settings: "Settings") -> int:
        from prompt_queue.store.operator_store import FailedJobs, OperatorStore

        which = FailedJobs(error_code=code)
        return await OperatorStore(database).retry_many(which, limit, f"cli:{operator()}")

    retried = run_with_database(data_dir, work)
    if as_json:
        print_json({"retried": retried})
    else:
        print_text(f"{retried} jobs wait in the queue again")


def _retry_single(ids: Sequence[UUID], as_json: bool, data_dir: Path | None) -> None:

    async def work(database: "Database", _settings: "Settings") -> list[JsonObject]:
        from prompt_queue.store.ops_store import OpsStore
        from prompt_queue.store.prompt_store import PromptStore

        store = PromptStore(database)
        outcomes = await OpsStore(database).operate("retry", ids, f"cli:{operator()}", None)
        results = []
        for job_id in ids:
            outcome, job = outcomes[job_id], await store.find_job(job_id)
            results.append(
                {"promptJobId": job_id, "outcome": outcome, "status": job.status if job else None}
            )
        return results

    _finish(run_with_database(data_dir, work), as_json)


def cancel(ids: JobIds, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Cancel jobs, at once and for good."""

    async def work(database: "Database", _settings: "Settings") -> list[JsonObject]:
        from prompt_queue.store.ops_store import OpsStore
        from prompt_queue.store.prompt_store import PromptStore

        store, ops = PromptStore(database), OpsStore(database)
        outcomes = await ops.operate("cancel", ids, f"cli:{operator()}", None)
        results = []
        for job_id in ids:
            # A second cancel changes nothing, and brings the receipt.
            receipt, outcome = await store.cancel(job_id), outcomes[job_id]
            calls = await ops.calls([job_id])
            out = outcome == "cancelled" and any(call["state"] == "sent" for call in calls)
            results.append(
                {
                    "promptJobId": job_id,
                    "outcome": outcome,
                    "status": receipt.status,
                    "spentUsd": receipt.spent_usd,
                    "calls": receipt.calls,
                    "callInFlight": out,
                    "savedUsd": receipt.saved_usd,
                }
            )
        return results

    _finish(run_with_database(data_dir, work), as_json)


def supply(
    job_id: Annotated[UUID, typer.Argument(metavar="ID", help="The job.")],
    prompt: Annotated[str, typer.Argument(help="What is to be changed in the picture.")],
    successor: Annotated[
        bool, typer.Option("--successor", help="A new job where there is a prompt already.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Complete a job that waits, runs or has failed with a prompt of your own."""
    words = " ".join(prompt.split())
    if not words:
        raise typer.BadParameter("the prompt is empty; write what is to be changed")

    async def work(database: "Database", _settings: "Settings") -> JsonObject:
        from prompt_queue.store.prompt_store import PromptStore

        store = PromptStore(database)
        actor = f"cli:{operator()}"
        done = await store.supply(job_id, words, None, actor, successor=successor)
        job = await store.find_job(done.job_id or job_id)
        return {
            "promptJobId": done.job_id or job_id,
            "outcome": "already_final" if done.outcome == "cancelled" else done.outcome,
            "status": job.status if job else None,
        }

    _finish([run_with_database(data_dir, work)], as_json)


def exit_code_for(outcomes: Sequence[str]) -> ExitCode:
    """NOT_FOUND if there is none of the jobs, OK if all was done, else FAILED."""
    if all(outcome == "not_found" for outcome in outcomes):
        return ExitCode.NOT_FOUND
    return ExitCode.OK if _DONE.issuperset(outcomes) else ExitCode.FAILED


def _finish(results: list[JsonObject], as_json: bool) -> None:
    if as_json:
        print_json({"results": results})
    else:
        for result in results:
            print_text(f"{result['promptJobId']}  {_sentence(result)}")
    code = exit_code_for([result["outcome"] for result in results])
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _sentence(result: JsonObject) -> str:
    spent = ""
    if result.get("calls"):
        spent = f"; {result['calls']} calls had cost {result['spentUsd']:.6f} USD"
        if result["callInFlight"]:
            spent += ", one is still out and may be charged"
    if result.get("savedUsd") is not None:
        spent += f"; about {result['savedUsd']:.6f} USD are saved"
    return _SENTENCES[result["outcome"]].format(status=result["status"], spent=spent)


def operator() -> str:
    """Who presses, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
