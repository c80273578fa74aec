"""`enqueue`: pictures go to the running server, and the prompt comes back."""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.following import follow
from prompt_queue.cli.job_view import STAND_IN_NOTE
from prompt_queue.cli.options import AsJson
from prompt_queue.cli.output import print_json, print_text, printable
from prompt_queue.cli.server import JsonObject, QueueServer, open_server
from prompt_queue.cli.waiting import spinner
from prompt_queue.jobs.job import CacheUse, MinQuality, Operation
from prompt_queue.jobs.priority import DEFAULT, HIGHEST, LOWEST

BANDS = {"low": 2, "normal": 5, "high": 8, "critical": 10}
"""The number that stands for a whole band."""


def parse_priority(text: str) -> int:
    """A priority from 1 to 10, or the name of a band. Raises CommandFailed."""
    if text.lower() in BANDS:
        return BANDS[text.lower()]
    if text.isascii() and text.isdigit() and LOWEST <= int(text) <= HIGHEST:
        return int(text)
    raise CommandFailed(
        f"{printable(text)} is not a priority: write {LOWEST} to {HIGHEST} (10 is the most "
        f"urgent), or {', '.join(BANDS)}",
        ExitCode.USAGE,
    )


Picture = Annotated[str, typer.Argument(help="The picture to edit: a file or an https URL.")]
References = Annotated[
    list[str] | None,
    typer.Option("--ref", metavar="PICTURE", help="A reference picture; may be repeated."),
]
Row = Annotated[UUID | None, typer.Option(help="A row of yours.  [default: the demo row]")]
Priority = Annotated[
    str, typer.Option(metavar="1..10", help=f"10 is the most urgent; or {', '.join(BANDS)}.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the prompt and print it.")]
Timeout = Annotated[float, typer.Option(help="Seconds that --wait waits at most.", min=1)]
Url = Annotated[
    str | None, typer.Option(help="Where the server is.  [default: as the settings say]")
]
Key = Annotated[
    str | None, typer.Option(help="Enqueuing again with the same key gives the same job.")
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="PROMPT_QUEUE_TOKEN", show_envvar=True, help="An API key or an access token."
    ),
]

Quality = Annotated[
    MinQuality | None,
    typer.Option(help="How far down the ladder the prompt may come from.  [default: template_ok]"),
]
Cache = Annotated[
    CacheUse | None,
    typer.Option(
        help="use: what was paid for an identical request will do. refresh: ask anew. off: "
        "neither.  [default: use]"
    ),
]
Stream = Annotated[bool, typer.Option("--stream", help="Show the text while it is written.")]
Enhance = Annotated[
    str | None, typer.Option(metavar="PROMPT", help="Make this prompt better instead.")
]
Wishes = Annotated[
    str | None, typer.Option("--wishes", metavar="TEXT", help="What the prompt should heed.")
]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(enqueue)


def enqueue(  # noqa: PLR0917 - Typer calls it by name
    picture: Picture,
    ref: References = None,
    row: Row = None,
    priority: Priority = str(DEFAULT),
    wait: Wait = False,
    timeout: Timeout = 300.0,
    url: Url = None,
    idempotency_key: Key = None,
    min_quality: Quality = None,
    enhance: Enhance = None,
    wishes: Wishes = None,
    cache: Cache = None,
    stream: Stream = False,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Queue a picture for a prompt; files are uploaded, URLs are passed on as they are."""
    from prompt_queue.settings import DEMO_ROW_ID, load_settings

    number = parse_priority(priority)
    pictures = [checked_picture(text) for text in (picture, *(ref or ()))]
    base = url or load_settings().base_url

    async def work() -> JsonObject:
        async with open_server(base, token) as server:
            with spinner("sending the pictures"):
                target, *references = await _addresses(server, pictures)
                request = {
                    "rowId": str(row or DEMO_ROW_ID),
                    "targetUrl": target,
                    "refUrls": references,
                    "priority": number,
                } | _options(min_quality, enhance, wishes, cache, stream=stream)
                accepted = await server.enqueue(request, idempotency_key)
            if not as_json:
                _print_accepted(accepted)
            return await follow(server, accepted, timeout) if wait else accepted

    job = asyncio.run(work())
    if as_json:
        print_json(job)
    if wait:
        _finish(job, timeout, as_json)


def checked_picture(text: str) -> str | Path:
    """The URL as it is, or the path of a file that is there. Raises CommandFailed."""
    if text.lower().startswith(("http://", "https://")):
        return text
    path = Path(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        raise CommandFailed(
            f"there is no picture {printable(text)}; name a file or an https URL", ExitCode.USAGE
        )
    return path


def _options(
    quality: MinQuality | None,
    enhance: str | None,
    wishes: str | None,
    cache: CacheUse | None,
    *,
    stream: bool,
) -> JsonObject:
    """What was asked for beyond the defaults."""
    options: JsonObject = {}
    if quality is not None:
        options["minQuality"] = quality
    if enhance is not None:
        options |= {"operation": Operation.ENHANCE, "existingPrompt": enhance}
    if wishes is not None:
        options["userInstructions"] = wishes
    if cache is not None:
        options["cache"] = cache
    if stream:
        options["stream"] = True
    return options


async def _addresses(server: QueueServer, pictures: list[str | Path]) -> list[str]:
    """The URL of each picture; a file that is named twice is uploaded once."""
    uploaded: dict[Path, str] = {}
    for picture in pictures:
        if isinstance(picture, Path) and picture not in uploaded:
            uploaded[picture] = await server.upload(picture)
    return [uploaded[p] if isinstance(p, Path) else p for p in pictures]


def _print_accepted(accepted: JsonObject) -> None:
    print_text(
        f"{accepted['promptJobId']}  {accepted['status']}, "
        f"estimated wait {accepted['estimatedWaitTime']} s"
    )
    if accepted.get("standIn"):
        print_text(f"no key for Grok is set: the prompt will come from the {STAND_IN_NOTE}", "dim")


def _finish(job: JsonObject, timeout: float, as_json: bool) -> None:
    match job["status"]:
        case "completed":
            if not as_json:
                _print_prompt(job)
        case "failed" | "cancelled":
            if as_json:
                raise typer.Exit(ExitCode.FAILED)
            raise CommandFailed(job.get("error") or f"the job was {job['status']}")
        case other:
            raise CommandFailed(
                f"the job is {other} after {timeout:g} s and goes on; look at it with: "
                f"prompt-queue status {job['promptJobId']}"
            )


def _print_prompt(job: JsonObject) -> None:
    print_text("")
    print_text(job["generatedPrompt"])
    print_text("")
    if job.get("standIn"):
        print_text(f"{job['model']} ({STAND_IN_NOTE})", "yellow")
    else:
        print_text(f"{job['model'] or job['source']}", "dim")
