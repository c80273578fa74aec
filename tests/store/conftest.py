"""The SQL and the store run on the newest and on the oldest PostgreSQL that we support."""

import os

import pytest

from tests.clusters import DEBIAN, EMBEDDED_MAJOR

OLDEST_MAJOR = 15


@pytest.fixture(params=[EMBEDDED_MAJOR, OLDEST_MAJOR], ids=lambda major: f"pg{major}")
def postgres_major(request: pytest.FixtureRequest) -> int:
    """Each test runs once a version; CI has both, a developer's machine may lack the oldest."""
    major: int = request.param
    if major != EMBEDDED_MAJOR and not (DEBIAN / str(major)).is_dir() and "CI" not in os.environ:
        pytest.skip(f"PostgreSQL {major} is not installed (Debian: postgresql-{major})")
    return major
