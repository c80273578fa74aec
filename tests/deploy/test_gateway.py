"""The gateway's own configuration, in front of a real server."""

import base64
import os
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from prompt_queue.settings import Settings
from tests.api.listening import listening
from tests.conftest import until
from tests.deploy.programs import installed, running
from tests.deploy.reading import DEPLOY
from tests.e2e.stack import free_port

NAME = "queue.example.com"
# The SHA-1 of `open`, as `htpasswd -s` writes it; nginx knows that form on every system.
CLIENTS = "alice:{SHA}X8fji//gDKRq3YkUVGSi6vdZ1cI=\n"
LARGEST = Settings.model_fields["upload_max_bytes"].default
SECRET = {"Authorization": "Bearer cron-secret"}


def password(text: str) -> dict[str, str]:
    """The header of a client that has a password."""
    return {"Authorization": f"Basic {base64.b64encode(f'alice:{text}'.encode()).decode()}"}


def configuration(folder: Path, gateway: int, server: int) -> str:
    """The file of the deployment, with ports and files of this test."""
    text = (DEPLOY / "gateway" / "nginx.conf").read_text("utf-8")
    replaced = {
        " /tmp/": f" {folder}/",
        "listen 8000;": f"listen 127.0.0.1:{gateway};",
        "127.0.0.1:8080": f"127.0.0.1:{server}",
        "/run/secrets/": f"{folder}/",
        "/dev/stderr": f"{folder}/nginx-errors",
    }
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    # The workers of an nginx that root started could not read a folder of root's.
    return f"user root;\n{text}" if os.geteuid() == 0 else text


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows the gateway under the public name."""
    nginx = installed("nginx", "nginx-light")
    port, server_port = free_port(), free_port()
    (tmp_path / "htpasswd").write_text(CLIENTS)
    config = tmp_path / "nginx.conf"
    config.write_text(configuration(tmp_path, port, server_port))
    environment = {
        "DATABASE_URL": database_url,
        "CRON_SECRET": "cron-secret",
        "XAI_API_KEY": "",
        "PROMPT_QUEUE_PORT": str(server_port),
        "PROMPT_QUEUE_PUBLIC_URL": f"https://{NAME}",
        "PROMPT_QUEUE_DATA_DIR": str(tmp_path / "data"),
    }
    serve = [sys.executable, "-m", "prompt_queue", "serve"]
    front = [nginx, "-e", f"{tmp_path}/start", "-c", str(config), "-g", "daemon off;"]
    base = f"http://127.0.0.1:{port}"
    with running(serve, tmp_path / "server.log", environment), running(front, tmp_path / "log"):
        async with aiohttp.ClientSession(base, headers={"Host": NAME}) as client:

            async def ready() -> bool:
                try:
                    answer = await client.get("/api/health/ready", headers=password("open"))
                except aiohttp.ClientError:
                    return False
                return answer.status == 200

            await until(ready, 40.0, every=0.2)
            yield client


async def test_only_who_has_a_password_reaches_the_server(gateway: aiohttp.ClientSession) -> None:
    """And not under a name that is not the public one."""
    assert (await gateway.get("/api/prompt/queue")).status == 401
    assert (await gateway.get("/api/prompt/queue", headers=password("wrong"))).status == 401
    assert (await gateway.get("/files/x")).status == 401
    assert (await gateway.get("/api/prompt/queue", headers=password("open"))).status == 200
    elsewhere = password("open") | {"Host": "evil.example"}
    assert (await gateway.get("/api/prompt/queue", headers=elsewhere)).status == 421


async def test_operators_pass_with_the_cron_secret_alone(gateway: aiohttp.ClientSession) -> None:
    """Pausing needs it; a password of the gateway does not do, and nothing does not do."""
    path = "/api/prompt/queue/pause"
    assert (await gateway.post(path, json={}, headers=SECRET)).status == 200
    assert (await gateway.post(path, json={}, headers=password("open"))).status == 401
    assert (await gateway.post(path, json={})).status == 401
    assert (await gateway.get("/api/cron/prompt-processor")).status == 401


async def test_the_providers_callbacks_need_no_password(gateway: aiohttp.ClientSession) -> None:
    """The server looks at their names and signatures itself; nothing else is open there."""
    path = "/api/webhooks/wavespeed/nobody"
    answer = await gateway.post(path, json={"id": "p"})
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, "route_not_found")
    assert (await gateway.get(path)).status == 403


async def test_a_stream_passes_as_it_is_written(gateway: aiohttp.ClientSession, demo: UUID) -> None:
    """Event by event, not when a buffer is full."""
    async with listening(gateway, "/api/events", headers=password("open")) as ear:
        await ear.until("snapshot")
        body = {"rowId": str(demo), "targetUrl": "https://images.example.com/p.jpg"}
        queued = await gateway.post("/api/prompt/queue", json=body, headers=password("open"))
        job = (await queued.json())["promptJobId"]
        assert (await ear.until("update", "queued")).data["promptJobId"] == job


async def test_an_upload_of_the_largest_size_passes(gateway: aiohttp.ClientSession) -> None:
    """What is too large hears it from the server, in its own words."""
    headers = password("open") | {"Content-Type": "image/jpeg"}
    answer = await gateway.post("/api/uploads", data=BytesIO(b"x" * (LARGEST + 1)), headers=headers)
    assert answer.status == 413
    assert answer.headers["X-Error-Code"] == "body_too_large"
    small = await gateway.post("/api/uploads", data=BytesIO(b"x" * LARGEST), headers=headers)
    assert small.headers["X-Error-Code"] == "unsupported_media_type"
