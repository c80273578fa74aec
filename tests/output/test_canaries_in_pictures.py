"""Refusals of the picture service that say again what they were sent are seen by nobody."""

from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.testing import PictureServer
from tests.conftest import until
from tests.output.canaries import PICTURE, WAVESPEED
from tests.output.walking import Ground, walking
from tests.output.working import working
from tests.tracing.conftest import Spans

PROMPT = "Make the sky teal and keep the rest."
PASSING = (
    ("echo", 429), ("echo", 500), ("result_echo", 500), ("result_echo", 403),
    ("ticket_echo", 429), ("ticket_echo", 500), ("put_echo", 500), ("put_echo", 403),
)  # fmt: skip
PARKING = (("echo", 401), ("echo", 403), ("ticket_echo", 401), ("result_echo", 401))


async def parked(ground: Ground, row: str, told: str) -> None:
    """A picture that waits for an operator, or is looked at again later; looked through."""
    walk = ground.walk
    body = {"rowId": row, "targetUrl": walk.picture, "prompt": PROMPT}
    reply = await walk.call("POST", "/api/jobs/create", json=body)
    path = f"/api/jobs/{reply.body['jobId']}"

    async def refused() -> bool:
        return told in str((await walk.call("GET", f"{path}/timeline")).body)

    await until(refused, 20)
    for place in (path, f"{path}/timeline"):
        shown = (await walk.call("GET", place)).content.decode()
        # The addresses of the user's pictures are shown to that user.
        walk.search.add(f"{place} while it waits", shown.replace(walk.picture, ""))
    assert (await walk.call("DELETE", path)).status in {200, 204}
    await walk.ended(path)


@pytest.mark.timeout(150)
async def test_no_echo_of_the_picture_service_is_seen(
    database_url: str, demo: UUID, tmp_path: Path, spans: Spans, picture_server: PictureServer
) -> None:
    """Of a submit, a result, an upload, in body and headers, and in the error of a task."""
    more = {"reconcile_seconds": 1.0, "picture_stand_in": True, "max_retries": 3,
            "retry_base_delay_ms": 50}  # fmt: skip
    async with walking(database_url, tmp_path, picture_server, **more) as ground:
        walk, wavespeed = ground.walk, ground.wavespeed
        row = await walk.row()
        async with working(ground.settings, ground.database):
            for kind, status in PASSING:
                wavespeed.script({"fault": kind, "status": status, "text": f"for {walk.picture}"})
                job = await walk.picture_job(row, prompt=PROMPT)
                assert job["status"] == "succeeded", (kind, status, job)
            echoed = (
                f"odd {WAVESPEED} {walk.picture} /api/webhooks/wavespeed/abc Bearer {WAVESPEED}"
            )
            wavespeed.script({"fault": "fail", "text": echoed})
            assert "It said: odd" in str(await walk.picture_job(row, prompt=PROMPT))
            for kind, status in PARKING:
                wavespeed.script({"fault": kind, "status": status, "times": -1})
                told = "picture_postponed"
                await parked(ground, row, told)
                wavespeed.clear_faults()
        bought = wavespeed.calls()
        assert sum(call["charged"] for call in bought) > len(PASSING)
        callbacks = {call["webhook"] for call in bought if call["webhook"]}
        assert len(callbacks) > len(PASSING)
        walk.search.secrets |= {url.rpartition("/")[2]: url.rpartition("/")[2] for url in callbacks}
        walk.search.secrets["query"] = f"?sig={PICTURE}"
    await walk.search.add_database(database_url)
    walk.search.add("log", ground.heard.getvalue())
    for span in spans.all():
        walk.search.add("spans", span.to_json())
    assert walk.search.seen["log"].count("wavespeed answered") >= len(PASSING) - 2
    assert "picture" in walk.search.seen["spans"]
    found = walk.search.found()
    assert not found, "\n".join(map(str, found))
