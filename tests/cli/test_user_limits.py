"""`user-limits` against a real database."""

from uuid import uuid4

from tests.cli.conftest import Jobs
from tests.cli.shell import Shell


async def test_limits_are_set_shown_and_forgotten(shell: Shell, jobs: Jobs) -> None:
    """Of one user beside everybody; what is not named has no limit; the audit says who."""
    user = str(uuid4())
    nothing = {
        "usdPerDay": None, "picturesPerDay": None, "queued": None, "requestsPerSecond": None,
        "spentTodayUsd": 0.0,
    }  # fmt: skip
    assert (await shell.run("user-limits", "--queued", "9", "--json")).json == nothing | {
        "queued": 9
    }
    options = ("--usd-per-day", "2.5", "--requests-per-second", "4")
    assert (await shell.run("user-limits", user, *options, "--json")).json == nothing | {
        "usdPerDay": 2.5, "requestsPerSecond": 4.0,
    }  # fmt: skip
    shown = (await shell.run("user-limits", user)).out
    assert "2.5 USD a day, 0.0000 spent today" in shown
    assert "open jobs  no limit" in shown
    forget = ("--forget", "--reason", "it was paid")
    assert (await shell.run("user-limits", user, *forget, "--json")).json["queued"] == 9
    assert (await shell.run("user-limits", "--none", "--json")).json == nothing
    audit = "".join((await shell.run("audit")).out.split())
    assert "itwaspaid" in audit
    assert "aseverybody" in audit


async def test_what_cannot_be_meant_is_wrong_usage(shell: Shell, jobs: Jobs) -> None:
    """Nothing is set instead."""
    for options in (("me",), ("--none", "--forget"), ("--queued", "1", "--none")):
        ran = await shell.run("user-limits", *options)
        assert ran.code == 2
    assert (await shell.run("user-limits", "--json")).json["queued"] is None
