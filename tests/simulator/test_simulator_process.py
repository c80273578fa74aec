"""The stand-in's own process: start, announcement, and every way of ending."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import aiohttp
import psutil
import pytest
from PIL import Image
from xai_calls import chat_body, data_uri, encoded, png, until

from prompt_queue.simulator.lifeline import LIFELINE_VARIABLE
from prompt_queue.testing import PictureServer, StandIn, StandInError

COMMAND = [sys.executable, "-m", "prompt_queue.simulator"]

STARTER = """
import time
from prompt_queue.testing import StandIn
stand_in = StandIn.start()
print(stand_in.pid, flush=True)
time.sleep(600)
"""


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_it_dies_with_the_process_that_started_it() -> None:
    """After kill -9 of its starter, the stand-in is gone within seconds."""
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(await asyncio.to_thread(starter.stdout.readline))
        assert not _gone(pid)
        starter.kill()
    await until(lambda: _gone(pid), 5)


def test_a_lifeline_that_is_no_descriptor_is_explained() -> None:
    """A wrong value in the environment ends the start with a sentence."""
    done = subprocess.run(
        COMMAND,
        env=os.environ | {LIFELINE_VARIABLE: "77"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "not an open file descriptor; unset it" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_itself_and_ends_on_a_signal(number: signal.Signals) -> None:
    """One line says where it listens and what it is; a signal ends it with code 0."""
    with subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("stand-in for xAI listening on http://127.0.0.1:")
        assert line.endswith("(answers are made up by a local program, not by Grok)\n")
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 1.5


async def test_work_in_hand_does_not_hold_up_the_end() -> None:
    """With calls hanging and a large picture being decoded, it still ends at once."""
    large = data_uri(encoded(Image.new("RGB", (12_000, 12_000)), compress_level=1))
    with StandIn.start(latency_seconds=60) as stand_in:
        headers = {"Authorization": f"Bearer {stand_in.api_key}"}
        url = f"{stand_in.base_url}/chat/completions"
        async with aiohttp.ClientSession(headers=headers) as session:
            pictures = [data_uri(png((1, 2, 3))), large]
            tasks = [
                asyncio.create_task(session.post(url, json=chat_body(picture)))
                for picture in pictures
            ]
            await until(lambda: [call for call in stand_in.calls() if call["image_count"]])
            began = time.monotonic()
            await asyncio.to_thread(stand_in.stop)
            assert time.monotonic() - began < 1.5
            await asyncio.gather(*tasks, return_exceptions=True)


def test_a_taken_port_is_said() -> None:
    """Starting on a port that is in use fails with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StandInError, match="address already in use"):
            StandIn.start(port=port)


def test_a_handle_can_be_attached_and_stopped_twice() -> None:
    """A second handle talks to the same process; stopping is safe to repeat."""
    with StandIn.start(api_key="xai-own-key", seed=5) as first:
        second = StandIn.attach(first.base_url + "/", "xai-own-key")
        assert second.settings()["seed"] == 5
        second.stop()
        assert second.pid is None
        assert first.pid is not None
        assert first.calls() == []
    first.stop()
    assert _gone(first.pid)


async def test_only_the_configured_key_is_accepted() -> None:
    """The key is the one given at the start, and no other."""
    with StandIn.start(api_key="xai-own-key") as stand_in:
        async with aiohttp.ClientSession() as session:
            for key, status in (("xai-own-key", 200), ("stand-in-key", 400)):
                headers = {"Authorization": f"Bearer {key}"}
                async with session.get(f"{stand_in.base_url}/models", headers=headers) as response:
                    assert response.status == status


def test_importing_the_fixtures_is_light() -> None:
    """A suite that names the plugin does not load web servers or picture decoders with it."""
    check = (
        "import sys, prompt_queue.testing; "
        "print([name for name in ('aiohttp', 'PIL', 'asyncpg', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_picture_server_serves_what_it_was_given(picture_server: PictureServer) -> None:
    """Bytes come back with their type and status under a name that may hold any letters."""
    url = picture_server.add("mein Bild/ä.png", b"data", headers={"X-Extra": "1"})
    assert url.startswith(f"http://{picture_server.host_port}/")
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert (response.status, await response.read()) == (200, b"data")
            assert (response.content_type, response.headers["X-Extra"]) == ("image/png", "1")
        async with session.get(picture_server.url("nothing")) as response:
            assert response.status == 404
    assert picture_server.hits == ["mein Bild/ä.png", "nothing"]
