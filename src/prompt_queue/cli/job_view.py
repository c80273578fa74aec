"""A job's document as a person reads it."""

from typing import TYPE_CHECKING, Any

from prompt_queue.cli.documents import JsonObject
from prompt_queue.cli.output import STATUS_STYLES, duration, moment, one_line, printable, table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

STAND_IN_NOTE = "stand-in: made up by a local program, not by Grok"


def job_line(document: JsonObject) -> str:
    """The news about a job in one line."""
    match document["status"]:
        case "queued":
            place = _place(document)
            return f"queued{': ' + place if place else ''}"
        case "completed":
            return f"completed by {_made_by(document)}: {document['generatedPrompt']}"
        case "failed":
            return f"failed ({document['errorCode']}): {document['error']}"
        case other:
            return str(other)


def job_panel(document: JsonObject) -> "Group":
    """Everything about a job: facts, timeline, calls."""
    from rich.console import Group

    parts: list[Any] = [_facts(document), "", timeline_table(document)]
    if document["calls"]:
        parts += ["", call_table(document)]
    return Group(*parts)


def job_table(documents: list[JsonObject]) -> "Table":
    """Jobs in a list."""
    from rich.text import Text

    listed = table(
        "id", "status", "priority#", "retries#", "created (UTC)", "by", "prompt or error"
    )
    listed.columns[0].no_wrap = True
    listed.columns[-1].no_wrap = True
    listed.columns[-1].overflow = "ellipsis"
    for job in documents:
        said = job["generatedPrompt"] or job["error"] or ""
        listed.add_row(
            str(job["promptJobId"]),
            _status(job),
            str(job["priority"]),
            f"{job['retryCount']}/{job['maxRetries']}",
            moment(job["createdAt"]),
            Text(one_line(job["model"] or ""), style="yellow" if job["standIn"] else ""),
            Text(one_line(said)),
        )
    return listed


def _facts(document: JsonObject) -> "Table":
    from rich.table import Table
    from rich.text import Text

    facts: list[tuple[str, str | Text]] = [
        ("job", str(document["promptJobId"])),
        ("status", _status(document)),
        ("priority", f"{document['priority']} ({document['priorityBand']})"),
        ("place", _place(document)),
        *wait_facts(document),
        ("prompt", printable(document["generatedPrompt"] or "")),
        ("writing", Text(printable(document["partialPrompt"] or ""), style="dim")),
        ("made by", Text(_made_by(document), style="yellow" if document["standIn"] else "")),
        ("error", Text(_error(document), style="red" if document["status"] == "failed" else "")),
        ("retries", f"{document['retryCount']} of {document['maxRetries']}"),
        ("spent", f"{document['spentUsd']:.6f} USD"),
        ("target", printable(document["targetUrl"])),
        *(("reference", printable(url)) for url in document["refUrls"]),
        ("row", str(document["rowId"])),
    ]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in facts:
        if str(value):
            grid.add_row(name, value)
    return grid


def wait_facts(document: JsonObject) -> list[tuple[str, str]]:
    """Why the job waits, and when it will be done."""
    reason, eta = document["waitingReason"], document["eta"]
    facts = []
    if reason:
        until = f", until {moment(reason['until'])} UTC" if reason["until"] else ""
        facts.append(("waits for", f"{printable(reason['detail'])} ({reason['code']}{until})"))
    if eta:
        facts.append((
            "expected",
            f"start in {eta['startP50']:g} s (9 of 10: {eta['startP90']:g} s), done in "
            f"{eta['doneP50']:g} s (9 of 10: {eta['doneP90']:g} s)",
        ))  # fmt: skip
    elif document["etaReason"]:
        facts.append(("expected", f"nobody can know ({document['etaReason']})"))
    return facts


def timeline_table(document: JsonObject) -> "Table":
    """What happened, and when."""
    listed = table("after#", "event", "details")
    for event in document["events"]:
        details = ", ".join(f"{name} {value}" for name, value in event["data"].items())
        listed.add_row(f"+{event['offsetSeconds']:.3f} s", event["kind"], one_line(details))
    return listed


def call_table(document: JsonObject) -> "Table":
    """What was paid for."""
    listed = table("call", "answered by", "state", "HTTP#", "error", "cost (USD)#", "took#")
    for call in document["calls"]:
        ended = call["endedAt"]
        took = (ended - call["startedAt"]).total_seconds() if ended else None
        listed.add_row(
            one_line(call["model"]),
            one_line(call["servedModel"] or ""),
            call["state"],
            str(call["httpStatus"] or ""),
            call["errorCode"] or "",
            "" if call["costUsd"] is None else f"{call['costUsd']:.6f}",
            duration(took),
        )
    return listed


def _status(document: JsonObject) -> "Text":
    from rich.text import Text

    return Text(document["status"], style=STATUS_STYLES.get(document["status"], ""))


def _place(document: JsonObject) -> str:
    if document["position"] is None:
        return ""
    ahead = f"{document['position']} ahead, about {document['estimatedWaitTime']} s"
    waits = document["nextAttemptAt"]
    return f"{ahead}, next attempt at {moment(waits)} UTC" if waits else ahead


def _made_by(document: JsonObject) -> str:
    model = one_line(document["model"] or "")
    if document["source"] not in {None, "model"}:
        model = f"{model} ({document['source']})".strip()
    return f"{model} ({STAND_IN_NOTE})" if model and document["standIn"] else model


def _error(document: JsonObject) -> str:
    if not document["error"]:
        return ""
    return f"{printable(document['error'])} ({document['errorCode']})"
