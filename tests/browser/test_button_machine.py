"""What the button shows, from what it hears: the pure half of it, in Node."""

import itertools
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import node_or_skip
from tests.clients.faces import MODULE, node

PARTS = MODULE.parent / "generate"
STAGES = ["sending", "queued", "looking", "writing", "rendering", "done", "failed", "cancelled"]
WORDS = "Recolour the silver areas of the suit with the warm terracotta of reference image one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The modules, where Node takes them for such."""
    node_or_skip()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in ("generate", "shared"):
        shutil.copytree(PARTS.parent / name, tmp_path / name)
    return tmp_path / "generate"


async def play(folder: Path, *runs: dict[str, Any]) -> list[Any]:
    """What comes of each run."""
    said = json.dumps({"folder": str(folder), "runs": runs})
    played: list[Any] = json.loads(
        await node(str(Path(__file__).parent / "machine.mjs"), said=said)
    )
    return played


def prompt(at: float, status: str, **fields: Any) -> dict[str, Any]:
    wishes = fields.pop("wishes", {})
    job = {"promptJobId": "p", "status": status, "estimatedWaitTime": 10} | fields
    return {"type": "prompt", "at": at, "job": job, "wishes": wishes}


def picture(at: float, status: str, **fields: Any) -> dict[str, Any]:
    job = {"jobId": "j", "status": status, "pictures": []} | fields
    return {"type": "picture", "at": at, "job": job, "wishes": {}}


STARTED = {"type": "started", "at": 0}


def some_life(dice: random.Random) -> list[dict[str, Any]]:
    """A job that is told of in any order there can be: overtaken, begun again, forgotten."""
    at, events = 0.0, [STARTED]
    for _ in range(dice.randint(3, 25)):
        at += dice.uniform(0, 4000)
        events.append(
            dice.choice(
                [
                    {"type": "tick", "at": at},
                    {"type": "line", "at": at, "up": dice.random() < 0.5},
                    prompt(
                        at,
                        "queued",
                        position=dice.randint(0, 9),
                        estimatedWaitTime=dice.randint(0, 200),
                        retryCount=dice.randint(0, 2),
                        waitingReason={"code": dice.choice(["position", "backoff", "paused"])},
                    ),
                    prompt(at, "processing", estimatedWaitTime=dice.randint(0, 60)),
                    prompt(at, "processing", partialPrompt=WORDS[: dice.randint(0, len(WORDS))]),
                ]
            )
        )
    return events


async def test_nothing_runs_backwards(folder: Path) -> None:
    """Whatever is told in whatever order: stage, bar, text, place and time left only go on."""
    dice = random.Random(20261126)
    lives = [some_life(dice) for _ in range(300)]
    for events, views in zip(
        lives, await play(folder, *({"events": one} for one in lives)), strict=True
    ):
        for before, after in itertools.pairwise(views):
            assert STAGES.index(after["state"]) >= STAGES.index(before["state"])
            assert after["progress"] >= before["progress"]
            assert len(after["text"]) >= len(before["text"])
            assert before["position"] is None or after["position"] <= before["position"]
            assert before["due"] is None or after["due"] <= before["due"]
        assert all(0 <= one["progress"] < 1 for one in views), events


async def test_the_whole_way_of_a_prompt(folder: Path) -> None:
    """Each state in its words, with place and wait, and what can be done at the end."""
    (views,) = await play(
        folder,
        {
            "events": [
                STARTED,
                prompt(100, "queued", position=4, estimatedWaitTime=24),
                prompt(5000, "queued", position=1, estimatedWaitTime=19),
                prompt(6000, "queued", position=0, estimatedWaitTime=8),
                prompt(8000, "processing", estimatedWaitTime=1),
                prompt(9000, "processing", partialPrompt="Recolour"),
                prompt(9900, "completed", generatedPrompt=WORDS, source="template"),
                prompt(9950, "processing", partialPrompt="late word"),
            ]
        },
    )
    assert [(one["words"]["title"], one["words"]["detail"]) for one in views] == [
        ("Sending your request", ""),
        ("Waiting in line", "4 requests come first · about 25 s to go"),
        ("Waiting in line", "1 request comes first · about 20 s to go"),
        ("Waiting in line", "You are next · about 8 s to go"),
        ("Looking at your pictures", "a moment to go"),
        ("Writing the prompt", "a little longer than thought"),
        ("Your prompt is ready", ""),
        ("Your prompt is ready", ""),
    ]
    assert views[-1]["progress"] == 1
    assert views[-1]["prompt"] == views[-1]["text"] == WORDS
    assert views[-1]["actions"] == ["change", "another"]
    assert views[-1]["words"]["note"] == "From a template, because no model could answer."
    spoken = [one["words"]["spoken"] for one in views]
    assert len(set(spoken)) == 5, "a screen reader hears of states, not of seconds"


async def test_what_a_wait_is_for(folder: Path) -> None:
    """A reason stands in the place of the numbers; others that came between are named."""
    (views,) = await play(
        folder,
        {
            "events": [
                STARTED,
                prompt(1, "queued", position=2, waitingReason={"code": "rate_gate"}),
                prompt(2, "queued", position=2, waitingReason={"code": "position"}),
                prompt(3, "queued", position=7, waitingReason={"code": "position"}),
                {"type": "line", "at": 4, "up": False},
                {"type": "line", "at": 5, "up": True},
                prompt(6, "processing"),
                prompt(7, "queued", retryCount=1, waitingReason={"code": "backoff"}),
                prompt(8, "processing", retryCount=1),
            ]
        },
    )
    details = [one["words"]["detail"] for one in views]
    assert details[1] == "Grok is busy; it goes on by itself"
    assert details[2].startswith("2 requests come first")
    assert details[3].startswith("More urgent requests go first")
    assert details[4] == "The server is away. It goes on by itself."
    assert details[7] == "The last attempt failed; the next one comes by itself"
    assert details[8].startswith("Trying once more")
    assert views[7]["state"] == "looking"


async def test_the_whole_way_of_a_picture(folder: Path) -> None:
    """The end of the prompt is the middle of it; some of several pictures are said to be some."""
    made = {"url": "/a.png", "thumbnailUrl": None, "width": 1, "height": 1}
    (views,) = await play(
        folder,
        {
            "mode": "picture",
            "events": [
                {**STARTED, "count": 2},
                prompt(100, "processing", partialPrompt="Recolour"),
                prompt(900, "completed", generatedPrompt=WORDS),
                picture(1000, "queued", prompt=WORDS, count=2),
                picture(1100, "running", prompt=WORDS, count=2),
                picture(1200, "queued", prompt=WORDS, count=2),
                picture(1300, "saving", prompt=WORDS, count=2),
                picture(1400, "succeeded", prompt=WORDS, count=2, pictures=[made, {"url": None}]),
            ],
        },
    )
    assert [one["words"]["title"] for one in views] == [
        "Sending your request",
        "Writing the prompt",
        "Waiting for the picture service",
        "Waiting for the picture service",
        "Making 2 pictures",
        "Making 2 pictures",
        "Saving the picture",
        "1 of 2 pictures are ready",
    ]
    assert views[2]["prompt"] == WORDS
    assert (views[-1]["pictures"], views[-1]["actions"]) == ([made], ["another"])


@pytest.mark.parametrize(
    ("code", "wishes", "actions"),
    [
        ("provider_unavailable", {}, ["again", "own"]),
        ("provider_unavailable", {"minQuality": "model"}, ["again", "template", "own"]),
        ("picture_unfetched", {"minQuality": "model"}, ["again", "own"]),
        ("provider_timeout", {"existingPrompt": "x"}, ["again", "existing", "own"]),
        ("invalid_input", {"minQuality": "model"}, ["own", "over"]),
        ("refused", {"minQuality": "model", "existingPrompt": "x"}, ["own", "over"]),
    ],
)
async def test_what_makes_sense_after_a_failure(
    folder: Path, code: str, wishes: dict[str, str], actions: list[str]
) -> None:
    """No second try of what can never work, and no way around a refusal."""
    failed = prompt(1, "failed", errorCode=code, error="A sentence.", wishes=wishes)
    (views,) = await play(folder, {"events": [STARTED, failed]})
    assert views[-1]["actions"] == actions
    assert views[-1]["words"]["detail"] == "A sentence."


async def test_attributes_become_a_request(folder: Path) -> None:
    """With words for priorities, lists in two spellings, and the fields of each mode."""
    attributes = {
        "row-id": "r",
        "target-url": "t",
        "ref-urls": " a\n b ",
        "priority": "High",
        "existing-prompt": "x",
        "count": "3",
        "identity-consent": "",
    }
    shared = {"rowId": "r", "targetUrl": "t", "stream": True, "existingPrompt": "x"}
    found = await play(
        folder,
        {"attributes": attributes},
        {"mode": "picture", "attributes": attributes | {"ref-urls": '["a b"]', "priority": "7"}},
        {"attributes": {"row-id": "r", "priority": "soon"}},
        {"attributes": {}},
        {"attributes": {"row-id": "r", "ref-urls": "[a"}},
    )
    assert found == [
        shared
        | {"refUrls": ["a", "b"], "priority": 8, "identityConsent": True, "operation": "enhance"},
        shared
        | {"refUrls": ["a b"], "priority": 7, "identityConsent": True, "count": 3}
        | {"useAiPrompt": True},
        {"rowId": "r", "stream": True, "priority": "soon"},
        {"unreadable": "no-row"},
        {"unreadable": "bad-refs"},
    ]


async def test_the_page_lists_every_string(folder: Path) -> None:
    """docs/button.md names each with its default, and no others."""
    page = (Path(__file__).parents[2] / "docs" / "button.md").read_text("utf-8")
    table = page.partition("| name | default |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", table, re.MULTILINE))
    (strings,) = await play(folder, {"strings": True})
    assert listed == strings


async def test_a_text_arrives_word_by_word(folder: Path) -> None:
    """Whole words, none lost, and faster the more there is to show."""
    few, many = await play(folder, {"text": "Make it red"}, {"text": "word " * 200})
    assert few == ["Make ", "it ", "red"]
    assert "".join(many) == "word " * 200
    assert len(many) < 60
