"""`doctor`: the conclusions as pure functions, and the command against real servers."""

from decimal import Decimal
from pathlib import Path

import pytest

from prompt_queue.cli import findings
from prompt_queue.cli.findings import ProviderAnswer, State
from prompt_queue.cli.identity_findings import exposure_findings
from prompt_queue.generation.listing import model_names
from prompt_queue.settings import load_settings
from prompt_queue.store.database import connect
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.cli.conftest import Jobs
from tests.cli.shell import Ran, Shell, error_lines
from tests.identity.project import open_project

BASE = "https://api.x.ai/v1"


def by_check(ran: Ran) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in ran.json}


async def test_a_healthy_house_passes(shell: Shell, jobs: Jobs, xai_stand_in: StandIn) -> None:
    """With database, schema, worker and provider in order nothing fails, and the code is 0."""
    await WorkerStore(jobs.database).seen("w1", "host-1", 4711, 32, 2)
    ran = await shell.with_environment(
        XAI_API_KEY=xai_stand_in.api_key, XAI_API_BASE=xai_stand_in.base_url
    ).run("doctor", "--json")
    assert ran.code == 0, ran.err
    found = by_check(ran)
    good = (
        "settings disk exposure identity database connections clock schema workers queue leases "
        "models webhooks"
    )
    assert {check for check, finding in found.items() if finding["state"] == "ok"} == set(
        good.split()
    )
    assert found["identity"]["detail"].startswith("NO LOGIN")
    assert found["provider"]["state"] == "warn"
    assert found["provider"]["detail"].startswith("the stand-in answers")
    assert found["workers"]["detail"] == "1 worker, 2 of 32 slots busy"
    assert (found["pictures"]["state"], "WAVESPEED_API_KEY" in found["pictures"]["detail"]) == (
        "warn", True,
    )  # fmt: skip


async def test_the_account_for_pictures_is_looked_at(
    shell: Shell, jobs: Jobs, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """What it has; a key that is not taken or that no header carries, a server that is away."""
    good = {
        "WAVESPEED_API_KEY": wavespeed_stand_in.api_key,
        "WAVESPEED_API_BASE": wavespeed_stand_in.base_url,
    }
    cases = (
        ({}, "ok", "USD"),
        ({"WAVESPEED_API_KEY": "wrong"}, "fail", "not set up correctly"),
        ({"WAVESPEED_API_BASE": "http://127.0.0.1:9"}, "fail", "could not be reached"),
        ({"WAVESPEED_API_KEY": "schlüssel"}, "fail", "no key has"),
    )
    for changed, state, words in cases:
        ran = await shell.with_environment(**(good | changed)).run("doctor", "--json")
        found = by_check(ran)["pictures"]
        assert (found["state"], words in found["detail"]) == (state, True), found


def test_an_empty_account_fails() -> None:
    """Pictures would wait."""
    assert findings.pictures_finding(BASE, Decimal("0.1")).state is State.FAIL
    assert findings.pictures_finding(BASE, Decimal(5)).state is State.OK
    assert findings.pictures_finding(BASE, None).state is State.OK


async def test_jobs_without_a_worker_fail_with_what_to_start(shell: Shell, jobs: Jobs) -> None:
    """Jobs wait and nobody works: code 1, and the command that helps."""
    await jobs.queued()
    ran = await shell.run("doctor", "--json")
    found = by_check(ran)
    assert (ran.code, found["queue"]["state"]) == (1, "fail")
    assert found["queue"]["advice"] == "start one with: prompt-queue work"
    assert found["workers"]["state"] == "warn"
    assert found["provider"]["detail"] == "no XAI_API_KEY: the stand-in will be used"


async def test_jobs_of_silent_workers_are_noticed(shell: Shell, jobs: Jobs) -> None:
    """A claimed job without a living worker is held by somebody who is gone."""
    await jobs.queued()
    await jobs.store.claim(1, "gone", 30)
    found = by_check(await shell.run("doctor", "--json"))
    assert found["leases"]["state"] == "warn"
    assert found["leases"]["detail"] == "1 job held by workers that have gone silent"


async def test_missing_migrations_are_named(shell: Shell, database_url: str) -> None:
    """The schema check names each file that is not applied, and the command that applies it."""
    connection = await connect(database_url)
    await connection.execute(
        "delete from public.prompt_queue_migrations where version = '20261124000300'"
    )
    await connection.close()
    ran = await shell.run("doctor", "--json")
    schema = by_check(ran)["schema"]
    assert (ran.code, schema["state"]) == (1, "fail")
    assert schema["detail"] == "not applied: 20261124000300_functions.sql"
    assert schema["advice"] == "run: prompt-queue migrate"


async def test_a_database_that_is_away_fails_without_its_password(bare_shell: Shell) -> None:
    """The other checks are made all the same."""
    away = bare_shell.with_environment(DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    ran = await away.run("doctor", "--json")
    found = by_check(ran)
    assert (ran.code, found["database"]["state"]) == (1, "fail")
    assert {"settings", "disk", "provider"} <= set(found)
    assert "hunter2" not in ran.out + ran.err


async def test_wrong_settings_are_findings(bare_shell: Shell) -> None:
    """Settings that cannot be used are the one finding; nothing else can be looked at."""
    ran = await bare_shell.with_environment(PROMPT_QUEUE_PROT="1").run("doctor", "--json")
    (finding,) = ran.json
    assert (ran.code, finding["check"], finding["state"]) == (1, "settings", "fail")
    assert error_lines(ran) == []


@pytest.mark.parametrize(
    ("key", "base", "words"),
    [("wrong-key", None, "does not take the key"), ("k", "http://127.0.0.1:1/v1", "be reached")],
)
async def test_a_provider_that_refuses_or_is_away_fails(
    shell: Shell, xai_stand_in: StandIn, key: str, base: str | None, words: str
) -> None:
    """A wrong key and a closed port are told apart, in text as well."""
    ran = await shell.with_environment(
        XAI_API_KEY=key, XAI_API_BASE=base or xai_stand_in.base_url
    ).run("doctor")
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if line.startswith("fail")]
    assert words in line
    assert "XAI_API" in ran.out


async def test_unknown_models_are_named(shell: Shell, xai_stand_in: StandIn) -> None:
    """A model that the provider does not offer is a warning while another one is offered."""
    ran = await shell.with_environment(
        XAI_API_KEY=xai_stand_in.api_key,
        XAI_API_BASE=xai_stand_in.base_url,
        PROMPT_QUEUE_MODELS="grok-4.7-latest,grok-1",
    ).run("doctor", "--json")
    models = by_check(ran)["models"]
    assert (models["state"], models["detail"]) == ("warn", "the provider does not offer grok-1")


def test_versions_outside_of_15_to_18_are_noticed() -> None:
    """Too old fails, newer than tested warns, and the ends of the range are fine."""
    states = {
        number: findings.version_finding(str(number), number * 10_000).state
        for number in (14, 15, 18, 19)
    }
    assert states == {14: State.FAIL, 15: State.OK, 18: State.OK, 19: State.WARN}


def test_thresholds_of_clock_disk_and_connections() -> None:
    """Two seconds, one gigabyte and four fifths are the borders."""
    assert findings.clock_finding(2.0).state is State.OK
    behind = findings.clock_finding(-2.1)
    assert (behind.state, behind.detail) == (
        State.WARN,
        "this machine is 2.1 s behind the database",
    )
    assert findings.disk_finding(1_000_000_000, "d").state is State.OK
    assert findings.disk_finding(999_999_999, "d").state is State.WARN
    assert findings.connection_finding(79, 100).state is State.OK
    assert findings.connection_finding(80, 100).state is State.WARN


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "ok"), (400, "fail"), (401, "fail"), (403, "fail"), (404, "fail"), (429, "warn"),
     (500, "warn"), (None, "fail")],
)  # fmt: skip
def test_each_answer_of_the_provider_has_its_state(status: int | None, state: str) -> None:
    """What an operator has to mend fails; what passes by itself warns; each says what to do."""
    finding = findings.provider_finding(BASE, ProviderAnswer(status=status, trouble="timeout"))
    assert finding.state == state
    assert bool(finding.advice) == (state != "ok")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data": 3}', b'{"data": [{"name": "x"}]}', b"\xff"]
)
def test_a_list_of_models_that_is_none_offers_nothing(body: bytes) -> None:
    """Whatever else the provider sends is an empty list, not a crash."""
    assert model_names(body) == frozenset()


async def test_it_asks_for_the_keys_of_access_tokens(shell: Shell, jobs: Jobs) -> None:
    """How many the project publishes, or why they are not to be had."""
    async with open_project() as project:
        there = shell.with_environment(SUPABASE_URL=project.url)
        found = by_check(await there.run("doctor", "--json"))["identity"]
        assert (found["state"], "publishes 1 key" in found["detail"]) == ("ok", True), found
        project.text = "{}"
        found = by_check(await there.run("doctor", "--json"))["identity"]
        assert (found["state"], "not a set of keys" in found["detail"]) == ("fail", True), found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"public_url": "http://queue.example.com"}, ["without encryption", "limit no user"]),
        ({"public_url": "https://queue.example.com"}, ["limit no user"]),
        ({"public_url": "https://queue.example.com", "user_queued": 5}, []),
        ({"cron_secret": "short"}, ["CRON_SECRET has 5 characters"]),
        ({"cron_secret": "s" * 16}, []),
    ],
)
def test_what_a_public_server_lacks_is_a_warning(
    settings: dict[str, object], words: list[str], tmp_path: Path
) -> None:
    """Plain http, no limits, a secret that can be guessed; never the secret itself."""
    found = exposure_findings(load_settings({}, tmp_path / "no.env", identity="tokens", **settings))
    warnings = [one.detail for one in found if one.state is State.WARN]
    assert len(warnings) == len(words)
    assert all(word in said for word, said in zip(words, warnings, strict=True))
    assert "short" not in str(warnings)
