"""`user-limits`: what one user, or everybody, may use."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.jobs import operator
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import print_json, print_text

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database
    from prompt_queue.store.limit_store import UserLimits

Who = Annotated[str, typer.Argument(help="The id of a user, or `everybody`.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(name="user-limits")(user_limits)


def user_limits(  # noqa: PLR0917 - as the command line has them
    user: Who = "everybody",
    usd_per_day: Annotated[float | None, typer.Option(min=0)] = None,
    pictures_per_day: Annotated[int | None, typer.Option(min=0)] = None,
    queued: Annotated[int | None, typer.Option(min=0, help="Jobs that may be open.")] = None,
    requests_per_second: Annotated[float | None, typer.Option(min=0.001)] = None,
    none: Annotated[bool, typer.Option("--none", help="No limit at all for this user.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="From now on as everybody; for everybody: as set.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="For the audit.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a user may use, or set it: what is not named then has no limit."""
    whom = _id(user)
    wanted = {
        "usd_a_day": None if usd_per_day is None else Decimal(str(usd_per_day)),
        "pictures_a_day": pictures_per_day,
        "queued": queued,
        "requests_a_second": requests_per_second,
    }
    limits = any(value is not None for value in wanted.values())
    if limits + none + forget > 1:
        raise typer.BadParameter("give limits, --none or --forget, one of them")

    async def work(database: "Database", _: "Settings") -> "tuple[UserLimits, Decimal]":
        from prompt_queue.store.limit_store import LimitStore, UserLimits

        store, actor = LimitStore(database), f"cli:{operator()}"
        if forget:
            await store.forget(whom, actor, reason)
        elif limits or none:
            given = UserLimits(**wanted)  # type: ignore[arg-type]
            await store.set(whom, given, by_hand=True, actor=actor, reason=reason)
        return await store.of(whom), await store.spent_today(whom)

    found, spent = run_with_database(data_dir, work)
    if as_json:
        print_json(
            {
                "usdPerDay": None if found.usd_a_day is None else float(found.usd_a_day),
                "picturesPerDay": found.pictures_a_day,
                "queued": found.queued,
                "requestsPerSecond": found.requests_a_second,
                "spentTodayUsd": float(spent),
            }
        )
        return
    for name, value, unit in (
        ("money", found.usd_a_day, f"USD a day, {spent:.4f} spent today"),
        ("pictures", found.pictures_a_day, "a day"),
        ("open jobs", found.queued, "at once"),
        ("requests", found.requests_a_second, "a second"),
    ):
        print_text(f"{name:10} {'no limit' if value is None else f'{value} {unit}'}")


def _id(text: str) -> UUID:
    if text == "everybody":
        return UUID(int=0)
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter("USER is the id of a user, a UUID, or `everybody`") from None
