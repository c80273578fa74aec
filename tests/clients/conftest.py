"""Each behaviour on each face; a real server and a scripted one."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.api.conftest import api, store
from tests.api.running import Api, running
from tests.clients.faces import Blocking, Face, JavaScript, Looping
from tests.clients.scripted import Scripted, scripted

__all__ = ["api", "store"]


def node_or_skip() -> None:
    """A developer's machine may lack Node and skips the test, CI has it."""
    if shutil.which("node") is None and "CI" not in os.environ:
        pytest.skip("Debian's nodejs is not installed")


@pytest.fixture(params=["blocking", "looping", "javascript"])
def face(request: pytest.FixtureRequest, tmp_path: Path) -> Face:
    """A client, in the three ways there are."""
    if request.param == "javascript":
        node_or_skip()
        return JavaScript(folder=tmp_path)
    return Blocking() if request.param == "blocking" else Looping()


@pytest.fixture
async def server(face: Face) -> AsyncIterator[Scripted]:
    """A scripted server, which the face calls."""
    async with scripted() as started:
        face.base_url = started.url
        yield started


@pytest.fixture
async def studio(face: Face, database_url: str, demo: UUID, tmp_path: Path) -> AsyncIterator[Api]:
    """A real server, which the face calls; nobody paints, and nobody works."""
    settings = {"wavespeed_api_key": "key", "wavespeed_level": "none"}
    async with running(database_url, tmp_path, **settings) as started:
        face.base_url = started.url
        yield started
