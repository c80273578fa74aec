"""docs/http-api.md names every route and every error code."""

from pathlib import Path

import pytest

from prompt_queue.api.problems import KINDS
from prompt_queue.server import _ROUTERS

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_error_code_is_on_the_page_with_its_status(code: str) -> None:
    """A client finds what a code means."""
    assert f"| `{code}` | {KINDS[code].status} |" in PAGE


def test_every_route_is_on_the_page() -> None:
    """A route that is not documented fails here."""
    paths = {route.path for router in _ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    documented = {path for path in paths if path.startswith(("/api", "/files", "/samples"))}
    assert len(documented) >= 13
    assert [path for path in sorted(documented) if path not in PAGE] == []
