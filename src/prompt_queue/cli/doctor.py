"""`doctor`: looks at everything that has to be right, and says what to do about what is not."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from prompt_queue.cli import findings, identity_findings
from prompt_queue.cli.context import dsn_of, file_name
from prompt_queue.cli.errors import ExitCode
from prompt_queue.cli.findings import Finding, ProviderAnswer, State
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, print_json, printable
from prompt_queue.cli.waiting import spinner
from prompt_queue.jobs.redaction import redact

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

PROVIDER_SECONDS = 5.0
_STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)


def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check settings, identity, database, workers, provider, clock, disk; say what to do."""
    found = examine(data_dir)
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        _print(found)
    if any(finding.state is State.FAIL for finding in found):
        raise typer.Exit(ExitCode.FAILED)


def examine(data_dir: Path | None) -> list[Finding]:
    """Every check that can be made, in the order in which one depends on the other."""
    from prompt_queue.settings import SettingsError, load_settings
    from prompt_queue.store.embedded import EmbeddedPostgresError, default_data_dir

    try:
        settings = load_settings(data_dir=data_dir)
    except SettingsError as error:
        return [
            Finding("settings", State.FAIL, line, "correct the environment or the file .env")
            for line in str(error).splitlines()
        ]
    found = [
        Finding("settings", State.OK, "every setting can be used"),
        _disk(settings.data_dir or default_data_dir()),
        *identity_findings.exposure_findings(settings),
    ]
    try:
        with dsn_of(settings) as dsn, spinner("looking at the database"):
            found += asyncio.run(_database(dsn, settings))
    except EmbeddedPostgresError as error:
        found.append(Finding("database", State.FAIL, str(error), "do what the sentence says"))
    with spinner("asking the providers"):
        found.append(asyncio.run(_identity(settings)))
        found += asyncio.run(_provider(settings))
        found.append(asyncio.run(_pictures(settings)))
    return found


def _disk(folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return findings.disk_finding(shutil.disk_usage(existing).free, str(folder))


async def _database(dsn: str, settings: "Settings") -> list[Finding]:
    from prompt_queue.store.database import Database, DatabaseRefused, DatabaseUnavailable
    from prompt_queue.store.migrate import MigrationError, missing_versions, read_migrations

    try:
        database = await Database.open(dsn, size=1)
    except (DatabaseRefused, DatabaseUnavailable) as error:
        return [
            Finding(
                "database",
                State.FAIL,
                redact(str(error)),
                "start the server, or correct DATABASE_URL",
            )
        ]
    try:
        found = await _server(database)
        try:
            missing = await missing_versions(dsn, read_migrations())
        except MigrationError as error:
            found.append(Finding("schema", State.FAIL, str(error), "see docs/troubleshooting.md"))
        else:
            found.append(findings.schema_finding([file_name(m) for m in missing]))
            if not missing:
                found += await _work(database, settings)
    except (DatabaseRefused, DatabaseUnavailable) as error:
        return [
            Finding(
                "database",
                State.FAIL,
                redact(str(error)),
                "check the rights of the role in DATABASE_URL",
            )
        ]
    finally:
        await database.close()
    return found


async def _server(database: "Database") -> list[Finding]:
    from prompt_queue.store.worker_store import WorkerStore

    before = time.time_ns()
    facts = await WorkerStore(database).facts()
    # The database read its clock about halfway between the two looks at ours.
    ours = (before + time.time_ns()) / 2e9
    return [
        findings.version_finding(facts.version, facts.version_number),
        findings.connection_finding(facts.connections, facts.max_connections),
        findings.clock_finding(ours - facts.clock_seconds),
    ]


async def _work(database: "Database", settings: "Settings") -> list[Finding]:
    from prompt_queue.store.prompt_store import PromptStore
    from prompt_queue.store.webhook_store import WebhookStore
    from prompt_queue.store.worker_store import WorkerStore

    hint = f"start one with: prompt-queue {'up' if settings.demo_mode else 'work'}"
    stats = await PromptStore(database).stats()
    endpoints = await WebhookStore(database).endpoints()
    return [
        findings.worker_finding(await WorkerStore(database).workers(), hint),
        findings.queue_finding(stats, hint),
        findings.lease_finding(stats, hint),
        findings.webhook_finding([one.url for one in endpoints if one.state == "disabled"]),
    ]


async def _identity(settings: "Settings") -> Finding:
    import aiohttp

    from prompt_queue.guards.egress import provider_session
    from prompt_queue.guards.jwks import JWKS_PATH, JwksRefused, fetch_keys

    said, base = settings.identity_sentence, settings.supabase_url
    if not settings.asks_for_tokens or settings.supabase_jwt_secret is not None or base is None:
        return identity_findings.identity_finding(said)
    try:
        async with provider_session(base) as session:
            keys = await fetch_keys(session, base.rstrip("/") + JWKS_PATH)
    except JwksRefused as error:
        return identity_findings.identity_finding(said, trouble=str(error))
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return identity_findings.identity_finding(said, trouble=type(error).__name__)
    return identity_findings.identity_finding(said, len(keys))


async def _provider(settings: "Settings") -> list[Finding]:
    if settings.xai_api_key is None:
        return [findings.no_key_finding()]
    answer = await ask_provider(settings.xai_api_base, settings.xai_api_key.get_secret_value())
    found = [findings.provider_finding(settings.xai_api_base, answer)]
    if answer.status == 200:
        found.append(findings.models_finding(settings.models, answer.models))
    return found


async def _pictures(settings: "Settings") -> Finding:
    from prompt_queue.dispatch.replies import CallRefused
    from prompt_queue.dispatch.wavespeed import WaveSpeedClient
    from prompt_queue.guards.egress import guarded_session, provider_session

    base, key = settings.wavespeed_api_base, settings.wavespeed_api_key
    if key is None:
        return findings.no_picture_key_finding()
    async with provider_session(base) as session, guarded_session() as outside:
        try:
            client = WaveSpeedClient(session, outside, base, key.get_secret_value())
            async with asyncio.timeout(PROVIDER_SECONDS):
                return findings.pictures_finding(base, await client.balance())
        except TimeoutError:
            return findings.pictures_refused_finding(base, "there was no answer in time")
        except CallRefused as refused:
            return findings.pictures_refused_finding(base, str(refused.failure))
        except ValueError as error:
            return findings.pictures_refused_finding(base, str(error))


async def ask_provider(base: str, key: str, seconds: float = PROVIDER_SECONDS) -> ProviderAnswer:
    """Ask for the list of models; takes at most `seconds`."""
    import aiohttp

    from prompt_queue.generation.listing import model_names
    from prompt_queue.guards.egress import provider_session

    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with (
            asyncio.timeout(seconds),
            provider_session(base) as session,
            session.get(f"{base}/models", headers=headers, allow_redirects=False) as response,
        ):
            body = await response.read()
    except TimeoutError:
        return ProviderAnswer(status=None, trouble=f"no answer within {seconds:g} s")
    except aiohttp.ClientConnectorCertificateError:
        return ProviderAnswer(status=None, trouble="its certificate is not valid")
    except aiohttp.ClientConnectorError as error:
        return ProviderAnswer(status=None, trouble=error.os_error.strerror or "no connection")
    except (aiohttp.ClientError, OSError) as error:
        return ProviderAnswer(status=None, trouble=type(error).__name__)
    return ProviderAnswer(
        status=response.status,
        models=model_names(body) if response.status == 200 else frozenset(),
        is_stand_in="X-Stand-In" in response.headers,
    )


def _print(found: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for finding in found:
        grid.add_row(
            Text(finding.state, style=_STYLES[finding.state]),
            finding.check,
            printable(finding.detail),
        )
        if finding.advice:
            grid.add_row("", "", Text(printable(finding.advice), style="dim"))
    console().print(grid)
