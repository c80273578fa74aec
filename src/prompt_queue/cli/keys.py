"""`keys`: API keys of servers. A key is shown when it is made, and never again."""

import re
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
    printable,
    table,
)
from prompt_queue.jobs.scopes import OWN, Scope

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database
    from prompt_queue.store.key_store import KeyStore, ListedKey

_T = TypeVar("_T")
_ACTOR = "cli"
_KEEP = "keep the key, it is not shown again:"
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST_DAYS = 3_650
_NO_USER = "23503"

Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="The part between pq_ and _.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="API keys of servers.", no_args_is_help=True)
    group.command("list")(list_keys)
    for command in (create, rotate, revoke):
        group.command()(command)
    app.add_typer(group, name="keys")


def parse_span(text: str) -> float:
    """Seconds of `90d`, `12h`, `30m` or `45s`. Raises CommandFailed."""
    match = re.fullmatch(r"([0-9]{1,9})([dhms])", text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 <= seconds <= _LONGEST_DAYS * _SECONDS["d"] or match is None:
        raise CommandFailed(
            f"{printable(text)} is no span of time; write for example 90d, 12h or 30m",
            ExitCode.USAGE,
        )
    return float(seconds)


def create(  # noqa: PLR0917 - Typer reads the options from the signature
    name: Annotated[str, typer.Option(help="Who will hold it, for whoever reads the list.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it allows; repeat it.", show_default=False)
    ],
    user: Annotated[
        UUID | None, typer.Option(help="Whose jobs it is about. Default: nobody's.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="How long it opens, such as 90d. Default: until revoked.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, once."""
    from prompt_queue.guards.api_keys import ApiKey
    from prompt_queue.store.database import DatabaseRefused

    if user is None and OWN & {*scope} and Scope.ACT_FOR not in scope:
        raise CommandFailed(
            f"{', '.join(sorted(OWN & {*scope}))} is about the jobs of a user: name one with "
            "--user, or let the key name one in each request with --scope act_for",
            ExitCode.USAGE,
        )
    seconds = None if expires is None else parse_span(expires)
    key = ApiKey.make()

    async def make(store: "KeyStore", _settings: "Settings") -> "ListedKey | None":
        try:
            return await store.create(
                key.prefix, key.digest, name, {*scope}, user_id=user, seconds=seconds, actor=_ACTOR
            )
        except DatabaseRefused as error:
            if error.sqlstate == _NO_USER:
                raise CommandFailed(f"there is no user {user} in auth.users") from None
            raise

    made = _with_store(data_dir, make)
    if made is None:
        raise CommandFailed("the prefix was taken by chance; try again")
    _show(as_json, made, key.text, f"{key.prefix} opens {_end(made)}; {_KEEP}")


def list_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List keys, oldest first, those that open no more among them."""
    found = _with_store(data_dir, lambda store, _: store.all())
    if as_json:
        print_json([_document(key) for key in found])
    elif not found:
        print_text("no keys; make one with: prompt-queue keys create")
    else:
        listing = table("prefix", "name", "scopes", "user", "state", "expires", "last use")
        for one in found:
            listing.add_row(
                one.prefix, one_line(one.name), " ".join(one.scopes), str(one.user_id or "-"),
                _state(one), moment(one.expires_at) or "-", moment(one.last_used_at) or "-",
            )  # fmt: skip
        console().print(listing)


def rotate(
    prefix: Prefix,
    grace: Annotated[str, typer.Option(help="How long the old one opens too; 0s: no more.")] = "1d",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a key a new secret, and print it, once. When it ends does not change."""
    from prompt_queue.guards.api_keys import ApiKey

    key, seconds = ApiKey.make(prefix), parse_span(grace)
    made = _with_store(data_dir, lambda store, _: store.rotate(prefix, key.digest, seconds, _ACTOR))
    if made is None:
        _missing(prefix)
    _show(as_json, made, key.text, f"the old one opens until {moment(made.old_until)} UTC; {_KEEP}")


def revoke(prefix: Prefix, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Close a key, at once and for good."""
    if not _with_store(data_dir, lambda store, _: store.revoke(prefix, _ACTOR)):
        _missing(prefix)
    if as_json:
        print_json({"prefix": prefix, "revoked": True})
    else:
        print_text(f"{prefix} opens no more")


def _with_store(data_dir: Path | None, work: "Callable[[KeyStore, Settings], Awaitable[_T]]") -> _T:
    async def run(database: "Database", settings: "Settings") -> _T:
        from prompt_queue.store.key_store import KeyStore

        return await work(KeyStore(database), settings)

    return run_with_database(data_dir, run)


def _show(as_json: bool, key: "ListedKey", text: str, sentence: str) -> None:
    if as_json:
        print_json(_document(key) | {"key": text})
    else:
        print_text(f"{sentence}\n{text}")


def _document(key: "ListedKey") -> dict[str, Any]:
    return camel_keys(asdict(key)) | {"state": _state(key)}


def _state(key: "ListedKey") -> str:
    if key.is_live:
        return "live"
    return "revoked" if key.revoked_at else "expired"


def _end(key: "ListedKey") -> str:
    return f"until {moment(key.expires_at)} UTC" if key.expires_at else "until it is revoked"


def _missing(prefix: str) -> NoReturn:
    raise CommandFailed(f"there is no key {printable(prefix)} that opens", ExitCode.NOT_FOUND)
