"""The linter of our own finds what it is for, and the package is clean."""

import pytest

from tests.project.checkout import load_tool

nevers = load_tool("check_nevers")


def test_the_package_keeps_every_never() -> None:
    """No file opens a way out, decides by the machine's clock or holds SQL outside store."""
    assert nevers.main([]) == 0


@pytest.mark.parametrize(
    "source",
    [
        "import aiohttp\naiohttp.ClientSession()",
        "import aiohttp as a\na.ClientSession()",
        "from aiohttp import ClientSession as S\nS()",
        "import aiohttp\nclass Mine(aiohttp.ClientSession): pass",
        "import aiohttp\nmake = aiohttp.ClientSession",
        "import urllib.request\nurllib.request.urlopen('http://x')",
        "from http.client import HTTPSConnection\nHTTPSConnection('x')",
        "import time\nclock = time.time",
        "import time\ndef f(clock=time.time): pass",
        "from time import time_ns\ntime_ns()",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as d, UTC\nd.now(UTC)",
        "from datetime import date\ndate.today()",
        "query = 'select id from jobs where x'",
        "query = '''\n  update jobs set status = $1'''",
        "query = 'insert into jobs values (1)'",
    ],
)
def test_a_broken_never_is_found(source: str) -> None:
    """However the name was imported, the line is found."""
    assert list(nevers.broken_nevers(source, "api/prompts.py"))


@pytest.mark.parametrize(
    "source",
    [
        "import aiohttp\ndef f(session: aiohttp.ClientSession) -> aiohttp.ClientSession: ...",
        "import aiohttp\nclass A:\n    session: aiohttp.ClientSession | None = None",
        "import time\ntime.monotonic()",
        "from datetime import datetime\ndatetime.fromisoformat('2030-01-01')",
        "sentence = 'update the settings, then select a model from the list'",
        "time = object()\ntime.time()",
    ],
)
def test_what_is_allowed_is_not_found(source: str) -> None:
    """Types, durations and sentences are no breach."""
    assert not list(nevers.broken_nevers(source, "api/prompts.py"))


def test_a_home_may_do_what_others_may_not() -> None:
    """The one place for a thing is allowed that thing, and nothing else."""
    opens = "import aiohttp\naiohttp.ClientSession()"
    reads_clock = "import time\ntime.time()"
    assert not list(nevers.broken_nevers(opens, "guards/egress.py"))
    assert list(nevers.broken_nevers(reads_clock, "guards/egress.py"))
    assert not list(nevers.broken_nevers("q = 'select 1 from jobs '", "store/rows.py"))
