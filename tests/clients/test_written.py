"""What is written runs: the snippets that were asked for, and the examples of the page."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import node_or_skip
from tests.clients.faces import MODULE, node
from tests.e2e.stack import Stack

HERE = Path(__file__).parent
PICTURES, ALL_JOBS = 1, 2
"""Examples of the page that differ from the first one, by their place."""

PAGE = (HERE.parents[1] / "docs" / "clients.md").read_text("utf-8")


def examples(language: str) -> list[str]:
    """The examples of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Everything, as it starts where nothing is configured."""
    started = Stack()
    yield started.up()
    started.close()


async def test_the_snippets_run_unchanged(stack: Stack, tmp_path: Path) -> None:
    """Against a running server with stand-ins; the answers have what the snippets take."""
    node_or_skip()
    shutil.copyfile(MODULE, tmp_path / "prompt-queue.mjs")
    task = {
        "module": str(tmp_path / "prompt-queue.mjs"),
        "baseUrl": stack.base,
        "folder": str(HERE / "mission_snippets"),
        "pictures": [f"{stack.base}/samples/{name}.jpg" for name in ("cat", "coffee", "astronaut")],
    }
    said = json.loads(await node(str(HERE / "snippets.mjs"), said=json.dumps(task)))
    assert said["init"] is True
    assert said["enqueue"]["http"] == 202
    assert said["enqueue"]["estimatedWaitTime"] >= 0
    assert said["checkStatus"]["status"] == "completed"
    assert said["checkStatus"]["generatedPrompt"]
    assert said["checkStatus"]["error"] is None
    assert said["createJob"]["http"] == 202
    assert said["createJob"]["promptJobId"]
    assert said["statistics"].keys() >= said["promised"].keys()
    assert all(isinstance(said["statistics"][name], int | float) for name in said["promised"])
    assert said["polled"][-1] == "completed"


async def test_the_module_comes_from_the_server(stack: Stack) -> None:
    """As a script that is asked for again each time and sent again when it has changed."""
    answer = stack.get("/prompt-queue.js")
    assert answer.body == MODULE.read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")
    known = {"If-None-Match": answer.headers["etag"]}
    assert stack.request("GET", "/prompt-queue.js", headers=known).status == 304


@pytest.mark.parametrize("number", range(3))
async def test_the_examples_in_python_run(stack: Stack, tmp_path: Path, number: int) -> None:
    """As they are on the page, in a folder with a photograph."""
    photo = stack.get("/samples/cat.jpg").body
    (tmp_path / "photo.jpg").write_bytes(photo)
    text = examples("python")[number].replace("http://127.0.0.1:8080", stack.base)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        text,
        cwd=tmp_path,
        env=os.environ | {"PROMPT_QUEUE_URL": stack.base},
        stdout=asyncio.subprocess.PIPE,
    )
    reading = asyncio.create_task(process.communicate())
    while number == ALL_JOBS and not reading.done():
        # It is told of what happens while it watches.
        await asyncio.to_thread(stack.enqueue, f"{stack.base}/samples/cat.jpg")
        await asyncio.wait({reading}, timeout=1)
    printed, _ = await reading
    assert process.returncode == 0
    assert (b"/files/" if number == PICTURES else b"completed") in printed


async def test_the_example_for_node_runs(stack: Stack, tmp_path: Path) -> None:
    """With the module as the server sends it."""
    node_or_skip()
    (text,) = examples("js")
    (tmp_path / "prompt-queue.mjs").write_bytes(stack.get("/prompt-queue.js").body)
    (tmp_path / "photo.jpg").write_bytes(stack.get("/samples/cat.jpg").body)
    script = tmp_path / "example.mjs"
    script.write_text(
        text.replace("http://127.0.0.1:8080", stack.base).replace(
            "'photo.jpg'", repr(str(tmp_path / "photo.jpg"))
        )
    )
    assert "/files/" in await node(str(script))
