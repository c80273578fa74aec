"""Planted secrets are in nothing that the product writes, shows or keeps."""

from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.asgi import open_for_serving
from prompt_queue.testing import PictureServer
from tests.conftest import until
from tests.identity.conftest import bearer
from tests.output.acts import (
    endpoint_of,
    our_bugs,
    provider_failures,
    refusals,
    says,
    successes,
)
from tests.output.canaries import HOOK_QUERY, PASSWORD
from tests.output.walking import Form, walking
from tests.output.working import working
from tests.tracing.conftest import Spans


@pytest.mark.timeout(150)
@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_planted_secret_is_ever_seen_again(
    form: Form, database_url: str, demo: UUID, tmp_path: Path, spans: Spans,
    picture_server: PictureServer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Success, refusals that repeat the key, bugs, refused webhooks, a database that is away."""
    async with walking(database_url, tmp_path, picture_server, form) as ground:
        walk, search = ground.walk, ground.walk.search
        await refusals(walk, ground.key)
        endpoint = await endpoint_of(walk, ground.receiver)
        async with working(ground.settings, ground.database):
            await successes(walk)
            await our_bugs(walk, monkeypatch)
            await provider_failures(walk, ground.xai, ground.wavespeed)
            hook = {"webhook": {"url": ground.receiver.url("/single")}}
            await walk.prompt(await walk.row(), **hook)
            for _ in range(5):
                await walk.call("POST", f"{endpoint}/test", json={})
            await until(lambda: says(ground.receiver), 30)
            hooks = "/api/webhooks"
            for path in (
                endpoint,
                f"{endpoint}/deliveries",
                f"{hooks}/endpoints",
                f"{hooks}/secret",
            ):
                shown = await walk.call("GET", path)
                assert shown.status == 200, shown.content
                search.add(path, shown.content.decode().replace(HOOK_QUERY, ""))
        away = f"postgresql://me:{PASSWORD}@127.0.0.1:9/x"
        opened, _ = await open_for_serving(ground.settings, away)
        await opened.close()
        for path in ("/metrics", "/api/health", "/api/ops/overview", "/api/ops/jobs"):
            reply = await walk.call("GET", path, headers=bearer(ground.key))
            assert reply.status == 200, (path, reply.content)
            shown_there = reply.content.decode()
            hides = path != "/api/ops/jobs"
            search.add(path, shown_there if hides else shown_there.replace(walk.picture, ""))
    await search.add_database(database_url)
    search.add("log", ground.heard.getvalue())
    for span in spans.all():
        search.add("spans", span.to_json())
    assert "stopped by a bug of ours" in search.seen["log"]
    assert "server.error" in search.seen["log"]
    assert "database.away" in search.seen["log"]
    found = search.found()
    assert not found, "\n".join(map(str, found))
