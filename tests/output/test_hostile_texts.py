"""Hostile strings in every field of a user come back as the same text, and do nothing else."""

import io
import json
from uuid import UUID

import pytest
from rich.console import Console

from prompt_queue.cli.job_view import job_line, job_table
from prompt_queue.cli.output import printable
from prompt_queue.store.prompt_store import PromptStore
from tests.api.listening import listening
from tests.api.running import QUEUE, Api, finish
from tests.output.hostile import HOSTILE


async def test_a_hostile_prompt_comes_back_as_the_same_text_or_is_refused(
    api: Api, demo: UUID
) -> None:
    """In the job, the list, the timeline and the stream; no header, no frame, no 500 of it."""
    refused = []
    for name, text in HOSTILE.items():
        job = await api.queued(demo)
        reply = await api.call("PUT", f"{QUEUE}/{job}/prompt", json={"prompt": text})
        assert reply.status in {200, 422}, (name, reply.content)
        if reply.status == 422:
            refused.append(name)
            continue
        shown = await api.get(f"{QUEUE}/{job}")
        assert shown.headers["Content-Type"].startswith("application/json")
        said = shown.body["generatedPrompt"]
        assert said.split() == text.split(), name
        assert not any(text in value for value in shown.headers.values() if len(text) > 10), name
        async with listening(api.session, f"{api.url}{QUEUE}/{job}/events") as ear:
            frames = await ear.rest()
        # A frame that the text had broken would be no JSON, or one too many.
        assert frames[-1].event == "end", name
        assert sum(frame.event == "end" for frame in frames) == 1, name
        assert {frame.data.get("promptJobId", job) for frame in frames} == {job}, name
    assert len(refused) < len(HOSTILE) / 2, refused


async def test_hostile_wishes_and_errors_are_text(api: Api, demo: UUID, store: PromptStore) -> None:
    """What was asked for in words, and why a job failed."""
    for name, text in HOSTILE.items():
        reply = await api.enqueue(demo, userInstructions=text)
        assert reply.status in {202, 422}, (name, reply.content)
        if reply.status == 422:
            assert reply.headers["Content-Type"] == "application/problem+json"
            continue
        # What a worker writes is what a provider may have said.
        job = await finish(
            store, outcome="failed", error=text, error_code="bad_input", delay_seconds=0
        )
        shown = await api.get(f"{QUEUE}/{job}")
        assert shown.body["error"] == text, name
        assert shown.headers["X-Content-Type-Options"] == "nosniff"


def document(text: str) -> dict[str, object]:
    """A job of the command line whose every text is this one."""
    return {
        "promptJobId": "01a2", "status": "completed", "priority": 5, "retryCount": 0,
        "maxRetries": 3, "createdAt": None, "model": text, "standIn": False,
        "generatedPrompt": text, "error": text, "errorCode": "x", "source": "model",
        "degraded": False, "strategy": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_in_a_terminal_is_text(name: str) -> None:
    """No escape sequence and no markup of the library counts; a row stays a row."""
    text = HOSTILE[name]
    heard = io.StringIO()
    terminal = Console(file=heard, markup=False, emoji=False, highlight=False, width=6000,
                       force_terminal=True, color_system=None)  # fmt: skip
    terminal.print(job_table([document(text)]))
    assert "\x1b" not in heard.getvalue()
    assert len(heard.getvalue().strip().splitlines()) == 3
    assert all(line.isprintable() for line in heard.getvalue().splitlines())
    if "[" in text and text.isprintable():
        assert text.split("[")[1] in heard.getvalue()
    assert printable(job_line(document(text))).replace("\n", "").isprintable()


def test_the_corpus_is_what_it_says() -> None:
    """Each string is one of its own, and JSON takes each as it is."""
    assert len(set(HOSTILE.values())) == len(HOSTILE) > 40
    assert all(json.loads(json.dumps(text)) == text for text in HOSTILE.values())
