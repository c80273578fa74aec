"""`migrate` and `simulate`."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path

from prompt_queue.store.database import connect
from prompt_queue.store.migrate import read_migrations
from prompt_queue.testing import StandIn
from tests.cli.shell import Shell, ended, error_lines

FILES = [f"{m.version}_{m.name}.sql" for m in read_migrations()]


async def test_migrate_applies_each_file_once(bare_shell: Shell, empty_database_url: str) -> None:
    """The first run names every file, the second says that there is nothing to do."""
    shell = bare_shell.with_environment(DATABASE_URL=empty_database_url)
    first = await shell.run("migrate")
    assert (first.code, first.out.splitlines()) == (0, [f"applied {name}" for name in FILES])
    second = await shell.run("migrate")
    assert (second.code, second.out) == (0, f"already at head: {FILES[-1]}\n")
    third = await shell.run("migrate", "--json")
    assert third.json == {"already": FILES, "applied": []}


async def test_migrate_dry_run_prints_sql_and_changes_nothing(
    bare_shell: Shell, empty_database_url: str
) -> None:
    """The SQL of what is pending comes out, and all of it is still pending afterwards."""
    shell = bare_shell.with_environment(DATABASE_URL=empty_database_url)
    dry = await shell.run("migrate", "--dry-run")
    assert dry.code == 0
    assert "create table if not exists public.prompt_generation_jobs" in dry.out
    assert [line[3:] for line in dry.out.splitlines() if line[3:] in FILES] == FILES
    listed = (await shell.run("migrate", "--dry-run", "--json")).json
    assert listed["already"] == []
    assert [entry["file"] for entry in listed["pending"]] == FILES


async def test_an_edited_migration_is_refused_in_one_line(shell: Shell, database_url: str) -> None:
    """A checksum that does not match stops the run with a sentence."""
    connection = await connect(database_url)
    await connection.execute("update public.prompt_queue_migrations set checksum = 'edited'")
    await connection.close()
    ran = await shell.run("migrate")
    assert (ran.code, ran.out) == (1, "")
    (line,) = error_lines(ran)
    assert "was edited after it was applied" in line


async def test_the_embedded_database_is_used_without_a_url(bare_shell: Shell) -> None:
    """Without DATABASE_URL the commands start PostgreSQL in the data directory, and stop it."""
    # Not below pytest's own folder, which the account that runs PostgreSQL for root cannot enter.
    with tempfile.TemporaryDirectory(prefix="pq-cli-") as folder:
        where = f"--data-dir={folder}"
        assert (await bare_shell.run("migrate", where, "--json")).json["applied"] == FILES
        assert (await bare_shell.run("stats", where, "--json")).json["totalQueued"] == 0
        assert (Path(folder) / "postgres" / "PG_VERSION").exists()
        assert not (Path(folder) / "postgres" / "postmaster.pid").exists()


async def test_simulate_says_how_to_point_at_it(bare_shell: Shell) -> None:
    """The printed base and key work, the label is there, and Ctrl-C ends it cleanly."""
    process = await bare_shell.start("simulate", "--port", 0, "--latency", 0.01, "--seed", 7)
    assert process.stdout is not None
    seen: dict[str, str] = {}
    label = (await process.stdout.readline()).decode()
    while "XAI_API_KEY" not in seen:
        line = (await process.stdout.readline()).decode().removeprefix("export ").strip()
        name, _, value = line.partition("=")
        seen[name] = value
    stand_in = StandIn.attach(seen["XAI_API_BASE"], seen["XAI_API_KEY"])
    assert (await asyncio.to_thread(stand_in.calls)) == []
    process.send_signal(signal.SIGINT)
    ran = await ended(process)
    assert (ran.code, "Traceback" in ran.err) == (0, False)
    assert label == "STAND-IN for xAI: prompts are made up by a local program, not by Grok.\n"


async def test_simulate_as_json_prints_one_document_without_a_given_key(
    bare_shell: Shell,
) -> None:
    """Standard output is one JSON document; a key that the user chose is not repeated."""
    process = await bare_shell.start("simulate", "--port=0", "--api-key=my-own-key", "--json")
    assert process.stdout is not None
    text = b""
    while not text.endswith(b"}\n"):
        text += await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    ran = await ended(process)
    document = json.loads(text.decode() + ran.out)
    assert (document["standIn"], document["xaiApiKey"]) == (True, None)
    assert document["xaiApiBase"].startswith("http://127.0.0.1:")


async def test_simulate_on_a_taken_port_is_one_line(
    bare_shell: Shell, xai_stand_in: StandIn
) -> None:
    """A port that another program has: code 3 and what to do."""
    port = xai_stand_in.base_url.rpartition(":")[2].split("/")[0]
    ran = await bare_shell.run("simulate", f"--port={port}")
    assert (ran.code, ran.out) == (3, "")
    (line,) = error_lines(ran)
    assert line.startswith(f"error: port {port} is not to be had")
