"""The SQL and the store run on the newest and on the oldest PostgreSQL, and behind a pooler."""

import pytest

from tests.clusters import EMBEDDED_MAJOR, Setting
from tests.conftest import installed

OLDEST_MAJOR = 15
SETTINGS = (Setting(), Setting(OLDEST_MAJOR), Setting(EMBEDDED_MAJOR, pooled=True))


@pytest.fixture(params=SETTINGS, ids=str)
def setting(request: pytest.FixtureRequest) -> Setting:
    """Each test runs once in each."""
    return installed(request.param)
