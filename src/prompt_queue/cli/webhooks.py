"""`webhooks`: endpoints that are told of results, what they were sent, and sending it again."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import (
    camel_keys,
    console,
    moment,
    one_line,
    print_json,
    print_text,
    table,
)

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database
    from prompt_queue.store.webhook_store import Delivery, Endpoint, WebhookStore

_T = TypeVar("_T")
_KEEP = "keep the secret, it is not shown again:"

EndpointId = Annotated[UUID, typer.Argument(metavar="ID", help="The endpoint.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="Endpoints that are told of results.", no_args_is_help=True)
    group.command("list")(list_endpoints)
    group.command("test")(send_test)
    for command in (add, remove, rotate, deliveries, replay):
        group.command()(command)
    app.add_typer(group, name="webhooks")


def list_endpoints(
    user: Annotated[UUID | None, typer.Option(help="Only those of this user.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List endpoints, oldest first, without their secrets."""
    found = _with_store(data_dir, lambda store, _: store.endpoints(user))
    if as_json:
        print_json([_document(endpoint) for endpoint in found])
    elif not found:
        print_text("no endpoints; add one with: prompt-queue webhooks add URL")
    else:
        listing = table("id", "url", "events", "state", "why")
        for one in found:
            listing.add_row(
                str(one.id), one_line(one.url), ", ".join(one.events) or "all", one.state,
                one_line(one.disabled_reason or "-"),
            )  # fmt: skip
        console().print(listing)


def add(  # noqa: PLR0917 - Typer reads the options from the signature
    url: Annotated[str, typer.Argument(metavar="URL", help="The https address of the receiver.")],
    event: Annotated[
        list[str] | None, typer.Option(help="A type that it wants; repeat it. Default: all.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="For whoever reads the list.")] = None,
    user: Annotated[
        UUID | None, typer.Option(help="Whose results. Default: PROMPT_QUEUE_LOCAL_USER_ID.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Tell an address of all results of a user; prints its secret, once."""
    from prompt_queue.guards.urls import UrlRefused, parse_webhook_url, trusted_authorities
    from prompt_queue.jobs.webhooks import WebhookType

    unknown = [name for name in event or () if name not in set(WebhookType)]
    if unknown:
        known = ", ".join(WebhookType)
        raise CommandFailed(f"there is no event {unknown[0]}; there are {known}", ExitCode.USAGE)

    async def make(store: "WebhookStore", settings: "Settings") -> "Endpoint | None":
        trusted = trusted_authorities(settings.trusted_webhook_hosts)
        try:
            address = parse_webhook_url(url, trusted=trusted).text
        except UrlRefused as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from None
        return await store.create(
            user or settings.local_user_id, address, sorted(set(event or ())), description
        )

    made = _with_store(data_dir, make)
    if made is None:
        raise CommandFailed("the user has 20 endpoints already; remove one first")
    if as_json:
        print_json(_document(made) | {"secret": made.secret})
    else:
        print_text(f"{made.id} is told of results; {_KEEP}\n{made.secret}")


def remove(endpoint: EndpointId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Forget an endpoint, what waits for it, and its deliveries."""
    if not _with_store(data_dir, lambda store, _: store.delete(endpoint)):
        _missing(endpoint)
    _say(as_json, {"id": endpoint, "removed": True}, f"{endpoint} is forgotten")


def rotate(endpoint: EndpointId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Give an endpoint a new secret; for a day the old one signs too."""
    made = _with_store(data_dir, lambda store, _: store.rotate(endpoint, None))
    if made is None:
        _missing(endpoint)
    _say(
        as_json,
        {"id": endpoint, "secret": made.secret, "oldSecretUntil": made.old_secret_until},
        f"the old one signs until {moment(made.old_secret_until)} UTC; {_KEEP}\n{made.secret}",
    )


def send_test(endpoint: EndpointId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send a test to an endpoint."""
    sent = _with_store(data_dir, lambda store, _: store.test(endpoint))
    if sent is None:
        _missing(endpoint, " that is active")
    _say(as_json, {"deliveryId": sent}, f"{sent} is sent by the next worker that looks")


def deliveries(
    endpoint: EndpointId,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what an endpoint was sent, newest first, with the last tries."""

    async def look(store: "WebhookStore", _settings: "Settings") -> "list[Delivery]":
        if await store.find(endpoint) is None:
            _missing(endpoint)
        return await store.deliveries(endpoint, limit)

    found = _with_store(data_dir, look)
    if as_json:
        print_json([_delivery_document(one) for one in found])
    elif not found:
        print_text("nothing was sent yet")
    else:
        listing = table("id", "created", "type", "state", "tries#", "last answer", "next try")
        for one in found:
            last = one.last_tries[-1] if one.last_tries else None
            said = "-" if last is None else one_line(last.error or str(last.status))
            listing.add_row(
                str(one.id), moment(one.created_at), one.type, one.state, str(one.tries), said,
                moment(one.next_at) or "-",
            )  # fmt: skip
        console().print(listing)


def replay(
    delivery: Annotated[UUID, typer.Argument(metavar="DELIVERY", help="The delivery.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Send a delivery again, under the same webhook-id."""
    outcome = _with_store(data_dir, lambda store, _: store.replay(delivery))
    if outcome == "not_found":
        raise CommandFailed(f"there is no delivery {delivery}", ExitCode.NOT_FOUND)
    if outcome == "disabled":
        raise CommandFailed("its endpoint is disabled; PATCH it with state active first")
    sentence = "is being sent already" if outcome == "sending" else "is sent again"
    _say(as_json, {"deliveryId": delivery, "outcome": outcome}, f"{delivery} {sentence}")


def _with_store(
    data_dir: Path | None, work: "Callable[[WebhookStore, Settings], Awaitable[_T]]"
) -> _T:
    async def run(database: "Database", settings: "Settings") -> _T:
        from prompt_queue.store.webhook_store import WebhookStore

        return await work(WebhookStore(database), settings)

    return run_with_database(data_dir, run)


def _document(endpoint: "Endpoint") -> dict[str, Any]:
    """Without the secret."""
    values = asdict(endpoint)
    del values["secret"]
    return camel_keys(values)


def _delivery_document(delivery: "Delivery") -> dict[str, Any]:
    values = asdict(delivery)
    return camel_keys(values | {"last_tries": [camel_keys(one) for one in values["last_tries"]]})


def _say(as_json: bool, document: dict[str, Any], sentence: str) -> None:
    if as_json:
        print_json(document)
    else:
        print_text(sentence)


def _missing(endpoint: UUID, which: str = "") -> NoReturn:
    raise CommandFailed(f"there is no endpoint {endpoint}{which}", ExitCode.NOT_FOUND)
