"""What the dashboard decides and draws, as pure functions on Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prompt_queue.jobs.waiting import WaitCode

STATIC = Path(__file__).parents[2] / "src/prompt_queue/web/static"
RUN = """
import { readFileSync } from 'node:fs'
const { module, name, given } = JSON.parse(readFileSync(0, 'utf8'))
const found = await import(module)
const value = typeof found[name] === 'function' ? found[name](...given) : found[name]
console.log(JSON.stringify(value ?? null))
"""
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def js() -> Call:
    """Calls an exported function, or reads an exported value."""
    if shutil.which("node") is None and "CI" not in os.environ:
        pytest.skip("Debian's nodejs is not installed")

    def call(module: str, name: str, *given: Any) -> Any:
        asked = {"module": (STATIC / module).as_uri(), "name": name, "given": given}
        command = ["node", "--input-type=module", "--eval", RUN]
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=False,
            env=os.environ | {"TZ": "UTC"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="module")
def queues(js: Call) -> list[Any]:
    """The made-up states that the design page shows."""
    return list(js("design/ops-data.js", "QUEUES"))


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [(4, [0, 1, 2, 3, 4]), (0, [0, 0.25, 0.5, 0.75, 1]), (37, [0, 10, 20, 30, 40]),
     (990, [0, 250, 500, 750, 1000]), (1.1, [0, 0.5, 1, 1.5]), (None, [0, 0.25, 0.5, 0.75, 1])],
)  # fmt: skip
def test_an_axis_has_round_values_and_room_for_the_largest(
    js: Call, largest: float | None, ticks: list[float]
) -> None:
    """It begins at 0, ends at or above the largest value, and has at most five lines."""
    assert js("ops/chart.js", "axis", largest) == {"top": ticks[-1], "ticks": ticks}


def test_counts_have_no_half_lines(js: Call) -> None:
    """An axis of things that are counted has whole numbers, however few there are."""
    for largest in (0, 1, 3, 4):
        assert js("ops/chart.js", "countAxis", largest)["ticks"] == [0, 1, 2, 3, 4]


def test_points_lie_in_their_box(js: Call) -> None:
    """The first at the left edge, the last at the right one; what is too large is cut off."""
    box = {"width": 100, "height": 50, "top": 10}
    assert js("ops/chart.js", "points", [0, 5, 20], box) == [[0, 50], [50, 25], [100, 0]]
    assert js("ops/chart.js", "points", [5], box) == [[0, 25]]
    assert js("ops/chart.js", "line", [[0, 50], [33.333, 25]]) == "M0 50L33.3 25"
    assert js("ops/chart.js", "area", [[0, 50], [100, 25]], 60) == "M0 50L100 25L100 60L0 60Z"
    assert js("ops/chart.js", "area", [], 60) == ""


def test_the_nearest_value_is_found_also_beside_the_chart(js: Call) -> None:
    """A pointer left of it means the first value, one right of it the last."""
    found = [js("ops/chart.js", "nearest", x, 60, 590) for x in (-40, 0, 14, 16, 590, 900)]
    assert found == [0, 0, 1, 2, 59, 59]
    assert js("ops/chart.js", "nearest", 10, 1, 100) == 0


def test_parts_of_a_bar_follow_each_other(js: Call) -> None:
    """Each begins where the one before ends; of nothing there are no parts."""
    assert js("ops/chart.js", "stacked", [1, 2, 1], 8) == [
        {"begin": 0, "length": 0.125},
        {"begin": 0.125, "length": 0.25},
        {"begin": 0.375, "length": 0.125},
    ]
    assert js("ops/chart.js", "stacked", [1], 0) == [{"begin": 0, "length": 0}]


def test_the_depth_of_the_past_follows_from_now_and_the_flow(js: Call) -> None:
    """What came later was not there yet, what ended later was; never below nothing."""
    minutes = [
        {"arrivals": 5, "ended": 0}, {"arrivals": 4, "ended": 2}, {"arrivals": 0, "ended": 3},
    ]  # fmt: skip
    assert js("ops/chart.js", "depths", 4, minutes) == [5, 7, 4]
    assert js("ops/chart.js", "depths", 0, [{"arrivals": 0, "ended": 0}, minutes[1]]) == [0, 0]


def test_the_first_thing_that_is_wrong_is_the_sentence(js: Call, queues: list[Any]) -> None:
    """One state each: of two that hold, the one that has to be mended first."""
    said = [js("ops/state.js", "stateOf", queue) for queue in queues]
    assert [(one["tone"], one["title"]) for one in said] == [
        ("good", "All is well"),
        ("good", "All is well"),
        ("warn", "Paused since Mar 14, 10:02 by ada"),
        ("bad", "Nobody works: start a worker"),
        ("warn", "Nobody works"),
        ("bad", "One thing wants to be looked at"),
        ("warn", "grok-4.7 is not asked"),
        ("warn", "Going on, without low priority"),
        ("warn", "grok-4.7 asked us to slow down"),
    ]
    both = queues[2] | {"workers": []}
    assert js("ops/state.js", "stateOf", both)["title"].startswith("Paused since")
    assert "449 jobs wait" in said[3]["sentence"]


def test_each_reason_to_wait_has_something_to_press_run_or_follow(js: Call) -> None:
    """Nobody is left with a reason alone."""
    models, pauses = js("design/ops-data.js", "MODELS"), js("design/ops-data.js", "PAUSES")
    overview = js("design/ops-data.js", "BUSY") | {"models": models, "paused": pauses}
    advice = {}
    for found in js("design/ops-data.js", "WAITS"):
        facts = {
            "kind": found["kind"], "priority": 2, "userId": "u", "promptJobId": "p",
            "errorCode": found["job"]["errorCode"],
        }  # fmt: skip
        reason = found["waitingReason"]
        advice[reason["code"]] = js("ops/unblock.js", "adviceFor", reason, facts, overview)
    assert set(advice) == {str(code) for code in WaitCode}
    assert all(one["acts"] or one["links"] or one["command"] for one in advice.values())
    labels = [act["label"] for act in advice["paused"]["acts"]]
    assert labels == ["Resume the queue", "Resume low priority", "Resume grok-4.7"]
    assert advice["no_worker"]["command"] == "prompt-queue work"


def test_a_story_keeps_what_belongs_to_an_attempt_together(js: Call) -> None:
    """Calls and events of an attempt stand in it, in their order; the rest between."""
    story = js("design/ops-data.js", "STORY")
    entries = js("ops/story.js", "entriesOf", story["timeline"])
    groups = js("ops/story.js", "grouped", entries, story["attempts"])
    assert [
        (one["attempt"] and one["attempt"]["number"], [entry["title"] for entry in one["entries"]])
        for one in groups
    ] == [
        (None, ["Queued"]),
        (1, ["Taken by a worker", "Asked grok-4.7", "Failed"]),
        (None, ["Tried again by hand"]),
        (2, ["Taken by a worker", "Asked grok-4.7", "The prompt is there"]),
        (None, ["Webhook delivered"]),
    ]
    assert groups[2]["entries"][0]["detail"] == "By ada: “the provider is back”."


def test_filters_survive_the_address_and_nothing_else_does(js: Call) -> None:
    """What is unknown, or does not fit the kind, is left out."""
    said = "?kind=picture&status=running&source=cache&q=a%20b&priority=1-3&evil=1"
    found = js("ops/filters.js", "readFilters", said)
    assert found == {"kind": "picture", "status": "running", "q": "a b", "priority": "1-3"}
    written = js("ops/filters.js", "writeFilters", found)
    assert written == "?kind=picture&q=a+b&status=running&priority=1-3"
    assert js("ops/filters.js", "readFilters", written) == found
    assert js("ops/filters.js", "readFilters", "?status=running") == {"kind": "prompt"}
    assert js("ops/filters.js", "writeFilters", {"kind": "prompt"}) == ""


def test_an_act_on_all_that_match_is_for_those_it_can_change(js: Call) -> None:
    """Failed ones are tried again, open ones cancelled; a state that was chosen counts."""
    prompts = {"kind": "prompt", "q": "sky"}
    assert js("ops/filters.js", "filtersFor", "retry", prompts) == [prompts | {"status": "failed"}]
    cancelled = js("ops/filters.js", "filtersFor", "cancel", prompts)
    assert [one["status"] for one in cancelled] == ["queued", "processing"]
    chosen = prompts | {"status": "completed"}
    assert js("ops/filters.js", "filtersFor", "cancel", chosen) == [chosen]


@pytest.mark.parametrize(
    ("path", "name", "tab"),
    [("/ops", "overview", "/ops"), ("/ops/", "overview", "/ops"), ("/ops/none", None, ""),
     ("/ops/jobs", "jobs", "/ops/jobs"), ("/ops/jobs/a%2Fb", "job", "/ops/jobs"),
     ("/ops/jobs/%E0%A4%A", "job", "/ops/jobs"), ("/ops/audit", "audit", "/ops/audit"),
     ("/ops/models/x", None, "")],
)  # fmt: skip
def test_an_address_means_a_view(js: Call, path: str, name: str | None, tab: str) -> None:
    """Also with a slash at its end; what is not there is said to be not there."""
    found = js("ops/views.js", "viewAt", path)
    assert (found["name"], found["path"]) == (name, tab)
