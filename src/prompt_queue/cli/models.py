"""`models`, `breaker` and `audit`: what works at the provider, and who changed what."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.documents import JsonObject
from prompt_queue.cli.jobs import operator
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, duration, print_json, print_text, printable, table

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database
    from prompt_queue.store.model_store import ModelHealth, OperatorAct


class Move(StrEnum):
    """What to do with a breaker."""

    OPEN = "open"
    CLOSE = "close"


Model = Annotated[str, typer.Argument(metavar="MODEL", help="Such as grok-4.7.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(models)
    app.command()(breaker)
    app.command()(limit)
    app.command()(audit)


def models(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show each Grok model: does it work, is it listed, how many retries are left."""

    async def work(database: "Database", _settings: "Settings") -> "list[ModelHealth]":
        from prompt_queue.store.model_store import ModelStore

        return await ModelStore(database).models()

    found = run_with_database(data_dir, work)
    if as_json:
        print_json([model_document(model) for model in found])
    elif not found:
        print_text("no model was asked yet")
    else:
        listing = table(
            "model", "breaker", "why", "next try", "listed", "retries left#", "others#",
            "limit/s#", "rate/s#",
        )  # fmt: skip
        for model in found:
            listing.add_row(
                printable(model.model),
                f"{model.state}{' (by hand)' if model.by_hand else ''}",
                printable(model.cause or "-"),
                _next_try(model),
                {True: "yes", False: "no", None: "-"}[model.listed],
                f"{model.retries_left:.0f}",
                str(model.redirected),
                "-" if model.requests_per_second is None else f"{model.requests_per_second:g}",
                "-" if model.rate is None else f"{model.rate:.1f}",
            )
        console().print(listing)


def breaker(  # noqa: PLR0917 - Typer reads the options from the signature
    move: Annotated[Move, typer.Argument(help="open: nobody asks the model; close: all may.")],
    model: Model,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=1, help="Seconds until one call may try; else until closed."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="For the audit.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Open or close the circuit breaker of one model by hand."""

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.store.model_store import ModelStore

        return await ModelStore(database).set_breaker(
            model,
            is_open=move is Move.OPEN,
            seconds=seconds if move is Move.OPEN else None,
            reason=reason,
            actor=f"cli:{operator()}",
        )

    changed = run_with_database(data_dir, work)
    state = "open" if move is Move.OPEN else "closed"
    if as_json:
        print_json({"model": model, "state": state, "changed": changed})
    else:
        print_text(f"the breaker of {model} {'is now' if changed else 'was already'} {state}")


def limit(
    model: Model,
    requests_per_second: Annotated[
        float | None,
        typer.Option("--rps", min=0.001, max=999_999, help="Requests a second; without: no limit."),
    ] = None,
    tokens_per_minute: Annotated[
        float | None, typer.Option("--tpm", min=1, help="Tokens a minute, all kinds together.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change what one model may be sent, for every worker and at once."""

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.jobs.limits import Limit
        from prompt_queue.store.model_store import ModelStore

        wanted = (
            None if requests_per_second is None else Limit(requests_per_second, tokens_per_minute)
        )
        return await ModelStore(database).set_limit(
            model, wanted, by_hand=True, actor=f"cli:{operator()}"
        )

    changed = run_with_database(data_dir, work)
    if as_json:
        print_json(
            {
                "model": model,
                "requestsPerSecond": requests_per_second,
                "tokensPerMinute": tokens_per_minute,
                "changed": changed,
            }
        )
    else:
        print_text(f"the limit of {model} {'is now' if changed else 'was already'} as you said")


def audit(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the latest first.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show who did what, and why; `breaker` is the circuit breaker itself."""

    async def work(database: "Database", _settings: "Settings") -> "list[OperatorAct]":
        from prompt_queue.store.model_store import ModelStore

        return await ModelStore(database).acts(limit)

    acts = run_with_database(data_dir, work)
    if as_json:
        print_json(
            [
                {"at": act.at.isoformat(), "actor": act.actor, "act": act.act, "model": act.model,
                 "about": act.about, "reason": act.reason}
                for act in acts
            ]
        )  # fmt: skip
        return
    listing = table("at", "who", "did", "what", "why")
    for act in acts:
        what = act.model or act.about or "the queue"
        listing.add_row(
            f"{act.at:%Y-%m-%d %H:%M:%S}",
            *(printable(text) for text in (act.actor, act.act, what, act.reason or "-")),
        )
    console().print(listing)


def model_document(model: "ModelHealth") -> JsonObject:
    """A model as `--json` prints it; the same names as in `GET /api/health`."""
    return {
        "model": model.model,
        "breaker": model.state,
        "byHand": model.by_hand,
        "cause": model.cause,
        "openSeconds": model.open_seconds,
        "waitSeconds": model.wait_seconds,
        "retriesLeft": model.retries_left,
        "listed": model.listed,
        "redirected": model.redirected,
        "requestsPerSecond": model.requests_per_second,
        "tokensPerMinute": model.tokens_per_minute,
        "rate": model.rate,
        "limitedSeconds": model.limited_seconds,
    }


def _next_try(model: "ModelHealth") -> str:
    if model.state == "closed":
        return "-"
    return "when closed by hand" if model.wait_seconds is None else duration(model.wait_seconds)
