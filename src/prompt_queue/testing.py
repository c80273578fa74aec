"""Pytest fixtures for suites that use prompt-queue: a stand-in for xAI and a picture server.

Name this module in the ``conftest.py`` at the top of your tests::

    pytest_plugins = ["prompt_queue.testing"]

and ask for the fixtures by name::

    def test_survives_an_overload(xai_stand_in, picture_server):
        photo = picture_server.add("cat.jpg", Path("cat.jpg").read_bytes())
        xai_stand_in.script({"fault": "status", "status": 503, "times": 2})

        my_code(base_url=xai_stand_in.base_url, api_key=xai_stand_in.api_key, image=photo)

        assert [call["status"] for call in xai_stand_in.calls()] == [503, 503, 200]

The stand-in is a real HTTP server in a process of its own, started once a session. It downloads
and decodes the pictures it is given, answers in xAI's shapes, and labels every answer
``stand-in:<model>``. Each test begins with no faults, no latency and an empty view of the log.

Faults are JSON objects: ``fault`` is one of ``status``, ``rate_limit``, ``credits``, ``safety``,
``model_not_found``, ``error_in_200``, ``html``, ``delay``, ``hang``, ``reset``, ``truncate``,
``drip``, ``empty``, ``refusal``, ``content_filter``, ``redirect``, ``no_usage``. Optional beside
it: ``status``, ``body``, ``retryAfter``, ``seconds``, ``times`` (1; -1 is always), ``probability``
(1), ``model`` (only calls for this one), ``phase`` (``before`` or ``after`` the answer was
generated) and, for ``rate_limit``, ``variant`` (``requests``, ``tokens``, ``capacity``). Streams
fail by ``stream_error``, ``stream_end`` and ``stream_hang``.

``wavespeed_stand_in`` plays WaveSpeed in the same way: it fetches the pictures, makes a real one,
calls webhooks and keeps a log of what it charged for. Its faults are listed in
``prompt_queue/simulator/wavespeed/faults.py``.
"""

from collections.abc import Iterator

import pytest

from prompt_queue.simulator.picture_server import PictureServer
from prompt_queue.simulator.process import StandIn, StandInError, WaveSpeedStandIn

__all__ = [
    "PictureServer",
    "StandIn",
    "StandInError",
    "WaveSpeedStandIn",
    "picture_server",
    "wavespeed_stand_in",
    "wavespeed_stand_in_process",
    "xai_stand_in",
    "xai_stand_in_process",
]


@pytest.fixture(scope="session")
def xai_stand_in_process() -> Iterator[StandIn]:
    """The session's one stand-in process; tests take ``xai_stand_in`` instead."""
    with StandIn.start() as stand_in:
        yield stand_in


@pytest.fixture
def xai_stand_in(xai_stand_in_process: StandIn) -> StandIn:
    """A stand-in for xAI without faults or latency; its log starts with this test."""
    return xai_stand_in_process.fresh_view()


@pytest.fixture(scope="session")
def wavespeed_stand_in_process() -> Iterator[WaveSpeedStandIn]:
    """The session's one stand-in for WaveSpeed; tests take ``wavespeed_stand_in`` instead."""
    with WaveSpeedStandIn.start() as stand_in:
        yield stand_in


@pytest.fixture
def wavespeed_stand_in(wavespeed_stand_in_process: WaveSpeedStandIn) -> WaveSpeedStandIn:
    """A stand-in for WaveSpeed without faults or latency; its log starts with this test."""
    return wavespeed_stand_in_process.fresh_view()


@pytest.fixture
def picture_server() -> Iterator[PictureServer]:
    """A web server on loopback that serves the bytes that the test adds."""
    with PictureServer() as server:
        yield server
