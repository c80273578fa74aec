"""The product on five hosts: a database, a server and three workers, each started once."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lab.cluster import DurableCluster
from lab.hosts.network import Network
from lab.processes import Reply, Server, run
from lab.rig import Rig

# The database and who needs it are on one network, the provider on the other.
INSIDE, OUTSIDE = "inside", "outside"
NETWORKS = {INSIDE: 1, OUTSIDE: 2}
DATABASE, SERVER = "database", "server"
WORKERS = ("worker-1", "worker-2", "worker-3")
SLOTS = 8
_PORT = 8080


def lay_out(network: Network) -> None:
    """All hosts, and their cables."""
    network.add(DATABASE, INSIDE)
    network.add(SERVER, INSIDE)
    for worker in WORKERS:
        network.add(worker, INSIDE, OUTSIDE)
    network.start()


def create_cluster(network: Network) -> DurableCluster:
    """PostgreSQL on the database's host; blocks."""
    with network.on(DATABASE):
        return DurableCluster.create(network.address(DATABASE, INSIDE))


@dataclass(frozen=True, slots=True)
class Fleet:
    """The running processes; workers by their host."""

    network: Network
    server: Server
    workers: Mapping[str, Process]

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply | None:
        """A request to the server from its own host, as a gateway there would send it."""
        return await asyncio.to_thread(self._ask, method, path, headers, body)

    def ended(self) -> list[str]:
        """Who is not there any more."""
        everybody = {SERVER: self.server.process, **self.workers}
        return [
            f"{host} ended with {process.returncode}"
            for host, process in everybody.items()
            if process.returncode is not None
        ]

    def _ask(self, *request: Any) -> Reply | None:
        method, path, headers, body = request
        with self.network.on(SERVER):
            return asyncio.run(self.server.ask(method, path, headers=headers, body=body))

    def _wait_until_ready(self) -> None:
        with self.network.on(SERVER):
            asyncio.run(self.server.ready())


@asynccontextmanager
async def fleet(rig: Rig, network: Network) -> AsyncIterator[Fleet]:
    """A server that is ready, and workers; all are killed at the end unless they have ended."""
    dsn = f"postgresql://lab:{rig.cluster.password}@{network.address(DATABASE, INSIDE)}/postgres"
    variables = {
        "DATABASE_URL": dsn,
        "PROMPT_QUEUE_CONCURRENCY": str(SLOTS),
        "PROMPT_QUEUE_ATTEMPT_TIMEOUT_SECONDS": str(rig.settings.attempt_timeout_seconds),
        "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "50",
        "PROMPT_QUEUE_RETRY_MAX_DELAY_MS": "500",
    }
    started: list[Process] = []

    async def start(host: str, *arguments: str) -> Process:
        process = await run(rig, *arguments, within=network.command(host), **variables)
        started.append(process)
        return process

    try:
        server = Server(await start(SERVER, "serve", f"--port={_PORT}"), _PORT)
        workers = {host: await start(host, "work") for host in WORKERS}
        found = Fleet(network, server, workers)
        await asyncio.to_thread(found._wait_until_ready)
        yield found
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()
