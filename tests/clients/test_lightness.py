"""A program that uses the client does not get the server with it."""

import subprocess
import sys

PRINT = "import sys; import {}; print(' '.join(sys.modules))"
HEAVY = {"asyncpg", "fastapi", "starlette", "uvicorn", "pydantic", "structlog", "typer", "PIL"}


def imported(module: str) -> set[str]:
    """The modules that are there after an import, in a fresh Python."""
    command = [sys.executable, "-c", PRINT.format(module)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(said.stdout.split())


def test_the_client_brings_nothing_of_the_house() -> None:
    """Neither our own rooms, besides what the package itself imports, nor their libraries."""
    found = imported("prompt_queue.client")
    house = {name for name in found if name.startswith("prompt_queue.")}
    of_the_package = imported("prompt_queue")
    assert {name for name in house if not name.startswith("prompt_queue.client")} <= of_the_package
    assert not found & HEAVY


def test_the_package_itself_is_light() -> None:
    """Importing it costs next to nothing."""
    found = imported("prompt_queue")
    assert not found & (HEAVY | {"aiohttp", "asyncio"})
