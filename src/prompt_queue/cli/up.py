"""`up`: database, stand-in if there is no key, HTTP and workers, under one supervisor."""

import asyncio
import http.client
import os
import secrets
import signal
import socket
import sys
from typing import Annotated

import typer

from prompt_queue.cli.processes import DataDir, Host, Port, begin_log, database_dsn, say
from prompt_queue.cli.supervisor import Child
from prompt_queue.settings import (
    DEMO_MODEL_ID,
    DEMO_ROW_ID,
    DEMO_USER_ID,
    Settings,
    load_settings,
    variable_name,
)
from prompt_queue.simulator.key import KEY_VARIABLE

PORT_PATIENCE_SECONDS = 10.0
READY_SECONDS = 60.0

Workers = Annotated[int | None, typer.Option(help="Worker processes to start.", min=0, max=64)]
SeedDemo = Annotated[
    bool | None,
    typer.Option("--seed-demo", help="Create the demo row also in the database of DATABASE_URL."),
]


class CannotStart(Exception):
    """Something that `up` needs is not to be had; the message says what to do."""


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(up)


def up(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    seed_demo: SeedDemo = None,
) -> None:
    """Start everything and keep it running until Ctrl-C."""
    settings = load_settings(
        host=host, port=port, data_dir=data_dir, workers=workers, seed_demo=seed_demo
    )
    begin_log(settings)
    with database_dsn(settings) as dsn:
        asyncio.run(_run(_with_free_port(settings), dsn))


async def _run(settings: Settings, dsn: str) -> None:
    stopping = _stop_on_signals()
    make = asyncio.create_task(_end_with_make()) if "MAKELEVEL" in os.environ else None
    await _prepare_database(settings, dsn)
    await _wait_for_port(settings)
    environment = _environment(settings)
    children: list[Child] = []
    if settings.xai_api_key is None:
        stand_in_port, key = _free_port(), secrets.token_urlsafe(16)
        environment |= {
            variable_name("xai_api_key"): key,
            variable_name("xai_api_base"): f"http://127.0.0.1:{stand_in_port}/v1",
            variable_name("stand_in"): "true",
        }
        command = (sys.executable, "-m", "prompt_queue.simulator", f"--port={stand_in_port}")
        children.append(Child("stand-in", command, dict(os.environ) | {KEY_VARIABLE: key}))
    if settings.wavespeed_api_key is None:
        stand_in_port, key = _free_port(), secrets.token_urlsafe(16)
        environment |= {
            variable_name("wavespeed_api_key"): key,
            variable_name("wavespeed_api_base"): f"http://127.0.0.1:{stand_in_port}",
            variable_name("picture_stand_in"): "true",
            # Nobody's account: its limits would only make a first try slow.
            variable_name("wavespeed_level"): os.environ.get(
                variable_name("wavespeed_level"), "none"
            ),
        }
        painting = (sys.executable, "-m", "prompt_queue.simulator.wavespeed",
                    f"--port={stand_in_port}", "--latency=1")  # fmt: skip
        own = dict(os.environ) | {KEY_VARIABLE: key}
        children.append(Child("picture stand-in", painting, own))
    ours = (sys.executable, "-m", "prompt_queue")
    children.append(Child("server", (*ours, "serve"), environment))
    children += [
        Child(f"worker {n + 1}", (*ours, "work"), environment | _metrics_port(settings, n))
        for n in range(settings.workers)
    ]
    try:
        for child in children:
            child.start()
        if await _ready(settings, stopping):
            _greet(settings)
        await stopping.wait()
    finally:
        await _stop(children, settings)
        if make is not None:
            make.cancel()


async def _end_with_make() -> None:
    """kill -9 of `make up` leaves this process to another parent; nobody would stop it any more."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel offers nothing to wait for
        await asyncio.sleep(0.5)
    os._exit(1)


async def _stop(children: list[Child], settings: Settings) -> None:
    say("stopping; running jobs get their time, a second Ctrl-C hands them back at once")
    hurry = _stop_on_signals()

    async def hurry_workers() -> None:
        await hurry.wait()
        for child in children:
            child.signal(signal.SIGTERM)

    hurrying = asyncio.create_task(hurry_workers())
    outer = [child for child in children if not child.name.endswith("stand-in")]
    await asyncio.gather(*(child.stop(settings.drain_seconds + 5) for child in outer))
    await asyncio.gather(*(child.stop(3) for child in children if child not in outer))
    hurrying.cancel()


def _stop_on_signals() -> asyncio.Event:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


async def _prepare_database(settings: Settings, dsn: str) -> None:
    from prompt_queue.store.database import Database
    from prompt_queue.store.migrate import migrate, read_migrations
    from prompt_queue.store.row_store import RowStore

    await migrate(dsn, read_migrations())
    if settings.demo_mode or settings.seed_demo:
        database = await Database.open(dsn, size=1)
        try:
            await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
        finally:
            await database.close()


def _environment(settings: Settings) -> dict[str, str]:
    chosen = {
        "host": settings.host,
        "port": str(settings.port),
        "public_url": settings.base_url,
        "data_dir": str(settings.data_dir.absolute()) if settings.data_dir else None,
    }
    return dict(os.environ) | {
        variable_name(name): value for name, value in chosen.items() if value is not None
    }


def _metrics_port(settings: Settings, worker: int) -> dict[str, str]:
    """The first worker has the port that was asked for, each other one the next."""
    port = settings.metrics_port
    if not port:
        return {}
    # Beyond the last port there is none; such a worker takes any that is free, and logs it.
    return {variable_name("metrics_port"): str(port + worker if port + worker < 65536 else 0)}


def _free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _with_free_port(settings: Settings) -> Settings:
    if settings.port != 0:
        return settings
    return settings.model_copy(update={"port": _free_port(settings.host)})


async def _wait_for_port(settings: Settings) -> None:
    """What was killed a moment ago may still hold the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    clock = asyncio.get_running_loop().time
    end = clock() + PORT_PATIENCE_SECONDS
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except OSError as error:
                if clock() > end:
                    raise CannotStart(
                        f"port {settings.port} on {settings.host} is not to be had "
                        f"({error.strerror}); stop what uses it or choose another with --port"
                    ) from None
            else:
                return
        await asyncio.sleep(0.2)


async def _ready(settings: Settings, stopping: asyncio.Event) -> bool:
    clock = asyncio.get_running_loop().time
    end = clock() + READY_SECONDS
    while not stopping.is_set():
        if await asyncio.to_thread(_answers_ready, settings.host, settings.port):
            return True
        if clock() > end:
            say(f"the server is not ready after {READY_SECONDS:.0f} s; the log above says why")
            return False
        await asyncio.sleep(0.1)
    return False


def _answers_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/api/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _greet(settings: Settings) -> None:
    base = settings.base_url
    lines = [
        "",
        f"prompt-queue is ready at {base}  (API: {base}/docs)",
        f"  database  {'DATABASE_URL' if settings.database_url else 'embedded PostgreSQL'}",
    ]
    if settings.xai_api_key is None:
        lines.append("  Grok      STAND-IN: prompts are made up by a local program, not by Grok;")
        lines.append("            set XAI_API_KEY to use Grok")
    else:
        lines.append(f"  Grok      {settings.xai_api_base} ({', '.join(settings.models)})")
    if settings.wavespeed_api_key is None:
        lines.append("  pictures  STAND-IN: made by a local program, not by WaveSpeed;")
        lines.append("            set WAVESPEED_API_KEY to use WaveSpeed")
    else:
        lines.append(f"  pictures  {settings.wavespeed_api_base} ({settings.picture_model})")
    lines.append(f"  workers   {settings.workers}")
    lines.append(f"  access    {settings.identity_sentence}")
    if settings.demo_mode or settings.seed_demo:
        lines += ["", "Turn two photographs into a prompt:", "", _sample_command(base)]
    lines += ["", "Ctrl-C stops everything."]
    typer.echo("\n".join(lines))


def _sample_command(base: str) -> str:
    return (
        f"curl -s '{base}/api/prompt/queue' -H 'Content-Type: application/json' "
        f"-H 'Prefer: wait=30' -d '{{\n"
        f'  "rowId": "{DEMO_ROW_ID}",\n'
        f'  "refUrls": ["{base}/samples/coffee.jpg"],\n'
        f'  "targetUrl": "{base}/samples/astronaut.jpg",\n'
        f'  "priority": 8\n'
        f"}}'"
    )
