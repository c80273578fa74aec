"""What `deploy/` and docs/operations.md name exists: variables, commands, routes."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import APIRoute

from prompt_queue.api.auth import require_cron_secret, require_ops_read, require_ops_write
from prompt_queue.cli.commands import app
from prompt_queue.guards.callbacks import CALLBACK_PATH
from prompt_queue.server import _ROUTERS
from prompt_queue.settings import known_variables, load_settings
from tests.deploy.reading import (
    COMPOSE,
    DEPLOY,
    MANIFESTS,
    PAGE,
    UNITS,
    commands,
    compose_services,
    containers,
    env_file_variables,
    is_ours,
    pods,
    variables,
)

OF_OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "POSTGRES_PASSWORD"}
GATEWAY = (DEPLOY / "gateway" / "nginx.conf").read_text("utf-8")


def routes() -> list[APIRoute]:
    """Every route of the server."""
    return [one for router in _ROUTERS for one in router.routes if isinstance(one, APIRoute)]


def test_every_variable_is_a_setting() -> None:
    """Nothing is configured that no process reads."""
    found = list(variables())
    assert len(found) > 30
    unknown = [one for one in found if one[1] not in known_variables() | OF_OTHERS]
    assert unknown == []


def test_the_page_links_to_what_is_there() -> None:
    """Files and folders that docs/operations.md points to, and the headings of its own."""
    text = PAGE.read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) >= 7
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines()}
    for link in links:
        inside = link.startswith("#") and link[1:] in headings
        assert inside or (PAGE.parent / link).exists(), link


def test_every_variable_in_a_text_is_a_setting() -> None:
    """Comments, interpolations and the page name variables that exist."""
    files = [
        COMPOSE,
        *MANIFESTS,
        *UNITS,
        *DEPLOY.glob("*/*.example"),
        DEPLOY / "gateway/nginx.conf",
    ]
    files.append(PAGE)
    named = {
        (path.name, name)
        for path in files
        for name in re.findall(r"\bPROMPT_QUEUE_[A-Z_]*[A-Z](?![A-Z_.])", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert [one for one in sorted(named) if one[1] not in known_variables()] == []


def test_what_compose_asks_for_is_in_its_example() -> None:
    """Whoever copies env.example has seen every variable without a default."""
    needed = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text("utf-8")))
    example = env_file_variables(DEPLOY / "compose" / "env.example")
    assert needed == {"POSTGRES_PASSWORD", "XAI_API_KEY"}
    assert needed <= set(example)


def test_the_examples_are_settings_that_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example for systemd loads as it is."""
    example = DEPLOY / "systemd" / "prompt-queue.env.example"
    for name, value in env_file_variables(example).items():
        monkeypatch.setenv(name, value)
    settings = load_settings(env_file=tmp_path / "none")
    assert settings.database_url is not None
    assert settings.log_format == "json"


@pytest.mark.parametrize(("where", "arguments"), list(commands()))
def test_every_command_line_is_understood(where: str, arguments: list[str]) -> None:
    """The command exists and takes these options; nothing is run."""
    group: Any = typer.main.get_command(app)
    assert arguments, where
    with group.make_context("prompt-queue", [], resilient_parsing=True) as context:
        name, command, rest = group.resolve_command(context, list(arguments))
        assert command.make_context(name, rest, parent=context)


def test_an_unknown_option_would_be_found() -> None:
    """The check above can fail."""
    group: Any = typer.main.get_command(app)
    with group.make_context("prompt-queue", [], resilient_parsing=True) as context:
        name, command, rest = group.resolve_command(context, ["migrate", "--dryrun"])
        with pytest.raises(Exception, match="--dryrun"):
            command.make_context(name, rest, parent=context)


def test_probes_ask_for_routes_that_exist() -> None:
    """A probe of a path that is not there would restart a healthy server for ever."""
    found = [service["healthcheck"]["test"] for service in compose_services().values()
             if is_ours(service) and "healthcheck" in service]  # fmt: skip
    probed = {test[-1] for test in found}
    for pod in pods().values():
        for container in filter(is_ours, containers(pod)):
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                if kind in container:
                    program, path = container[kind]["exec"]["command"]
                    assert program == "probe"
                    probed.add(path)
    assert probed == {"/api/health/live", "/api/health/ready"}
    assert probed <= {route.path for route in routes()}


def test_liveness_does_not_ask_the_database() -> None:
    """A restart brings no database back."""
    (server,) = (one for one in pods()["prompt-queue-server"]["containers"] if is_ours(one))
    assert server["livenessProbe"]["exec"]["command"] == ["probe", "/api/health/live"]


def test_the_gateway_opens_only_what_has_a_lock_of_its_own() -> None:
    """A route that is passed on without a password wants CRON_SECRET, or a signature."""
    (pattern,) = re.findall(r"location ~ (\S+) \{\n\s+auth_basic off;", GATEWAY)
    assert GATEWAY.count("auth_basic off;") == 3
    (exact,) = re.findall(r"location = (/\S+) \{\n\s+auth_basic off;", GATEWAY)
    (signed,) = re.findall(r"location (/\S+) \{\n\s+auth_basic off;", GATEWAY)
    assert signed == CALLBACK_PATH
    opened = [route for route in routes() if re.search(pattern, route.path) or route.path == exact]
    assert len({route.path for route in opened}) == 8
    for route in opened:
        guards = {one.call for one in route.dependant.dependencies}
        operators = {require_cron_secret, require_ops_read, require_ops_write}
        assert guards & operators, route.path
