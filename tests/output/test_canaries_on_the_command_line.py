"""Commands show a secret once, when it is made, and never the password of the database."""

import asyncio
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import pytest

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.cli.shell import Ran, Shell, error_lines
from tests.output.canaries import (
    CRON,
    JWT_SECRET,
    PASSWORD,
    SERVICE,
    WAVESPEED,
    WEBHOOK,
    XAI,
    Search,
)

HOOK = "https://receiver.example.com/hook"
LISTS = (
    ("keys", "list"), ("webhooks", "list"), ("webhooks", "deliveries", "ENDPOINT"), ("doctor",),
)  # fmt: skip
TAIL = PASSWORD.rpartition(":")[2]


async def all_of(shell: Shell, commands: list[tuple[str, ...]]) -> list[Ran]:
    """Run them, two at once."""
    room = asyncio.Semaphore(2)

    async def run(command: tuple[str, ...]) -> Ran:
        async with room:
            return await shell.run(*command)

    return list(await asyncio.gather(*map(run, commands)))


def with_wrong_password(url: str) -> str:
    """The same server and account."""
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    netloc = f"{account.partition(':')[0]}:{quote(PASSWORD, safe='')}{at}{host}"
    return urlunsplit(parts._replace(netloc=netloc))


@pytest.mark.parametrize(
    "dsn",
    [
        "wrong password",
        f"postgresql://me:{PASSWORD}@127.0.0.1:9/x",
        f"postgresql://me:{PASSWORD}@127.0.0.1:port/x",
        f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:9/x?sslmode={TAIL}",
        f"host=127.0.0.1 port=9 user=me password={PASSWORD}",
    ],
    ids=["wrong", "away", "port", "mode", "words"],
)
async def test_a_database_that_does_not_open_is_a_line_without_its_password(
    bare_shell: Shell, database_url: str, dsn: str
) -> None:
    """Whatever is wrong with DATABASE_URL; `doctor` says it as one of its findings."""
    url = with_wrong_password(database_url) if dsn == "wrong password" else dsn
    shell = bare_shell.with_environment(DATABASE_URL=url)
    explain = ("explain", str(uuid4()))
    commands = [(*explain, "--json"), ("doctor", "--json")]
    for command, ran in zip(commands, await all_of(shell, commands), strict=True):
        assert ran.code in {1, 2, 3}, (command, ran)
        assert TAIL not in ran.out + ran.err, (command, ran)
        assert len(error_lines(ran)) == (command[0] == "explain"), (command, ran.err)
        assert bool(ran.out) == (command[0] == "doctor"), (command, ran)


async def test_a_secret_is_shown_when_it_is_made_and_in_no_list(
    shell: Shell, demo: object, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Keys and signing secrets, made and made anew; and no list shows a secret of the settings."""
    keyed = shell.with_environment(
        XAI_API_KEY=XAI, XAI_API_BASE=xai_stand_in.base_url, WAVESPEED_API_KEY=WAVESPEED,
        WAVESPEED_API_BASE=wavespeed_stand_in.base_url, WAVESPEED_WEBHOOK_SECRET=WEBHOOK,
        CRON_SECRET=CRON, SUPABASE_URL="http://127.0.0.1:9", SUPABASE_JWT_SECRET=JWT_SECRET,
        SUPABASE_SERVICE_ROLE_KEY=SERVICE,
    )  # fmt: skip
    search = Search()
    made = await all_of(keyed, [
        ("keys", "create", "--name", "n", "--scope", "admin", "--json"),
        ("webhooks", "add", HOOK, "--user", "00000000-0000-4000-a000-000000000001", "--json"),
    ])  # fmt: skip
    assert [ran.code for ran in made] == [0, 0], made
    key, endpoint = (ran.json for ran in made)
    again = await all_of(keyed, [
        ("keys", "rotate", key["prefix"], "--json"),
        ("webhooks", "rotate", endpoint["id"], "--json"),
    ])  # fmt: skip
    for name, text in (
        ("key", key["key"]),
        ("new key", again[0].json["key"]),
        ("secret", endpoint["secret"]),
        ("new secret", again[1].json["secret"]),
    ):
        search.secrets |= {name: text, f"{name}, bare": text.rpartition("_")[2]}
    assert len(set(search.secrets.values())) == len(search.secrets)
    assert (await keyed.run("webhooks", "test", endpoint["id"])).code == 0
    commands = [
        tuple(part.replace("ENDPOINT", endpoint["id"]) for part in command) + form
        for command in LISTS for form in ((), ("--json",))
    ]  # fmt: skip
    for command, ran in zip(commands, await all_of(keyed, commands), strict=True):
        assert ran.code == 0 or command[0] == "doctor", (command, ran)
        assert ran.out, command
        search.add(" ".join(command), ran.out + ran.err)
    assert not search.found()
