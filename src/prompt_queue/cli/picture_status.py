"""A job that becomes pictures, as `status` shows it: prompt, pictures, the whole timeline."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prompt_queue.cli.documents import (
    JsonObject,
    call_documents,
    event_documents,
    wait_document,
)
from prompt_queue.cli.job_view import call_table, timeline_table, wait_facts
from prompt_queue.cli.output import STATUS_STYLES, printable, table
from prompt_queue.jobs.picture import PictureRow, status_of_all

if TYPE_CHECKING:
    from rich.console import Group

    from prompt_queue.jobs.outlook import Outlook
    from prompt_queue.store.database import Database


async def read_picture_job(
    database: "Database", job_id: UUID, outlook: "Outlook"
) -> JsonObject | None:
    """Everything that the database knows about it; None where there is no such job."""
    from prompt_queue.store.picture_outlook import picture_wait
    from prompt_queue.store.picture_store import PictureStore
    from prompt_queue.store.prompt_store import PromptStore
    from prompt_queue.store.wait_store import WaitStore

    store = PictureStore(database)
    rows = await store.find(job_id)
    if not rows:
        return None
    first = rows[0]
    prompts = [first.prompt_job_id] if first.prompt_job_id else []
    calls = call_documents(await store.calls([*prompts, *(row.id for row in rows)]))
    events = await store.events([job_id, *prompts])
    prompt_store = PromptStore(database)
    prompt_job = await prompt_store.find_job(prompts[0]) if prompts else None
    wait = await picture_wait(WaitStore(database), prompt_store, outlook, rows, prompt_job)
    return {
        "jobId": job_id,
        "status": status_of_all({row.status for row in rows}),
        "promptJobId": first.prompt_job_id,
        "rowId": first.row_id,
        "userId": first.user_id,
        "prompt": first.prompt,
        "generationModel": first.generation_model,
        "priority": first.priority,
        "error": next((row.error for row in rows if row.error), None),
        "errorCode": next((row.error_code for row in rows if row.error_code), None),
        **wait_document(wait.told, wait.reason),
        "pictures": [_picture(row) for row in rows],
        "spentUsd": sum((call["costUsd"] or Decimal(0) for call in calls), Decimal(0)),
        "events": event_documents(first.created_at, events),
        "calls": calls,
    }


def picture_panel(document: JsonObject) -> "Group":
    """Facts, pictures, timeline, calls."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    status = str(document["status"])
    shown: list[tuple[str, str | Text]] = [
        ("job", str(document["jobId"])),
        ("status", Text(status, style=STATUS_STYLES.get(status, ""))),
        ("prompt job", str(document["promptJobId"] or "")),
        ("prompt", printable(document["prompt"] or "")),
        ("model", printable(document["generationModel"])),
        *wait_facts(document),
        ("spent", f"{document['spentUsd']:.6f} USD"),
    ]
    for name, value in shown:
        if str(value):
            facts.add_row(name, value)
    pictures = table("picture#", "status", "where, or why not")
    for one in document["pictures"]:
        said = one["url"] or (one["error"] and f"{one['error']} ({one['errorCode']})") or ""
        pictures.add_row(str(one["number"]), str(one["status"]), printable(said))
    parts: list[Any] = [facts, "", pictures, "", timeline_table(document)]
    if document["calls"]:
        parts += ["", call_table(document)]
    return Group(*parts)


def picture_line(document: JsonObject) -> str:
    """The news about the job in one line."""
    ended = sum(one["url"] is not None for one in document["pictures"])
    count = len(document["pictures"])
    made = f", {ended} of {count} pictures" if count > 1 or ended else ""
    why = f": {document['error']} ({document['errorCode']})" if document["error"] else ""
    return f"{document['status']}{made}{why}"


def _picture(row: PictureRow) -> JsonObject:
    saved = row.outputs[0] if row.outputs else {}
    return {
        "number": row.number,
        "status": row.status,
        "url": saved.get("url"),
        "thumbnailUrl": saved.get("thumbnail_url"),
        "error": row.error,
        "errorCode": row.error_code,
        "resubmitted": row.resubmits > 0,
    }
