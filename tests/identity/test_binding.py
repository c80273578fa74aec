"""Which identity is in force, which addresses may be bound then, and what is said about it."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from prompt_queue.asgi import listen, serve
from prompt_queue.settings import Settings, SettingsError, load_settings
from tests.api.running import QUEUE, running
from tests.identity.project import LEGACY_SECRET, Project

SUPABASE = "https://project.supabase.co"


def settings_of(folder: Path, **values: Any) -> Settings:
    """Read as the program reads them."""
    return load_settings({}, folder / "no.env", **values)


@pytest.mark.parametrize(
    ("values", "tokens"),
    [
        ({}, False),
        ({"identity": "local", "supabase_url": SUPABASE}, False),
        ({"supabase_url": SUPABASE}, True),
        ({"supabase_url": SUPABASE, "supabase_jwt_secret": LEGACY_SECRET}, True),
        ({"supabase_jwt_secret": LEGACY_SECRET, "token_issuer": "https://auth.example"}, True),
        ({"identity": "tokens"}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "10.0.0.5"])  # noqa: S104
def test_a_public_address_needs_an_identity(
    tmp_path: Path, values: dict[str, Any], tokens: bool, host: str
) -> None:
    """Without one the program does not start, and says what to set."""
    wanted = values | {"host": host, "public_url": "https://queue.example.com"}
    if tokens:
        assert settings_of(tmp_path, **wanted).asks_for_tokens
        return
    with pytest.raises(SettingsError, match="PROMPT_QUEUE_IDENTITY=tokens"):
        settings_of(tmp_path, **wanted)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"identity": "tokens", "host": "0.0.0.0"}, "PROMPT_QUEUE_PUBLIC_URL"),  # noqa: S104
        ({"supabase_jwt_secret": LEGACY_SECRET}, "SUPABASE_URL"),
        ({"supabase_jwt_secret": "short", "supabase_url": SUPABASE}, "32 characters"),
        ({"allowed_hosts": "http://queue"}, "ALLOWED_HOSTS"),
        ({"identity": "nobody"}, "PROMPT_QUEUE_IDENTITY"),
    ],
)
def test_half_an_identity_is_refused(tmp_path: Path, values: dict[str, Any], name: str) -> None:
    """In one line that names what is missing."""
    with pytest.raises(SettingsError, match=name):
        settings_of(tmp_path, **values)


def test_what_is_in_force_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Who had SUPABASE_URL for pictures alone is told why tokens are asked for, and the way out."""
    assert settings_of(tmp_path).identity_sentence.startswith("NO LOGIN")
    said = settings_of(tmp_path, supabase_url=SUPABASE).identity_sentence
    assert "SUPABASE_URL" in said
    assert "PROMPT_QUEUE_IDENTITY=local" in said
    assert "keys create" in settings_of(tmp_path, identity="tokens").identity_sentence
    assert settings_of(tmp_path).demo_mode
    assert not settings_of(tmp_path, identity="tokens").demo_mode


def test_the_log_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first line of a server, as a warning where nobody is asked."""
    settings = settings_of(tmp_path, data_dir=tmp_path, port=0)

    class Stops:
        async def serve(self, **_: object) -> None:
            return

    monkeypatch.setattr("prompt_queue.asgi.server_for", lambda _: Stops())
    with structlog.testing.capture_logs() as lines:
        serve(settings, "postgresql://nobody@127.0.0.1:1/nothing")
    (line,) = [one for one in lines if one["event"] == "server.started"]
    assert (line["log_level"], line["identity"].startswith("NO LOGIN")) == ("warning", True)


async def test_the_local_identity_says_that_it_is_one(
    database_url: str, demo: UUID, tmp_path: Path
) -> None:
    """To pages by /api/me, on every page, and in the documentation."""
    async with running(database_url, tmp_path) as api:
        me = (await api.get("/api/me")).body
        assert (me["kind"], me["demo"], me["scopes"]) == (
            "local",
            True,
            ["cancel", "enqueue", "read"],
        )
        assert "No login" in (await api.get("/openapi.json")).body["info"]["description"]
        assert "No login is configured" in (await api.get("/")).content.decode()
        acting = {"X-Act-For": str(demo)}
        assert (await api.get(QUEUE, headers=acting)).status == 403


async def test_names_of_the_server_are_those_that_were_set(
    database_url: str, project: Project, tmp_path: Path
) -> None:
    """PROMPT_QUEUE_PUBLIC_URL and PROMPT_QUEUE_ALLOWED_HOSTS, besides loopback; no others."""
    async with running(
        database_url, tmp_path, supabase_url=project.url, public_url="https://queue.example.com",
        allowed_hosts="queue,queue.internal:8080",
    ) as api:  # fmt: skip
        here = f"http://127.0.0.1:{api.server.servers[0].sockets[0].getsockname()[1]}"
        for host, status in {
            "queue.example.com": 200, "queue": 200, "queue:9": 200, "queue.internal:8080": 200,
            "localhost": 200, "queue.internal": 421, "evil.example": 421, "queue.evil.example": 421,
        }.items():  # fmt: skip
            reply = await api.get(f"{here}/api/health/live", headers={"Host": host})
            assert reply.status == status, host


def test_listening_on_a_public_address_works(tmp_path: Path) -> None:
    """Once the settings allow it, nothing else stands in the way."""
    with listen("0.0.0.0", 0) as listener:  # noqa: S104
        assert listener.getsockname()[0] == "0.0.0.0"  # noqa: S104
