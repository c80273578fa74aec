"""What the files below `deploy/` say: environment variables, command lines, pods, seconds."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.dockerfile import read_dockerfile
from tests.project.checkout import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
PAGE = ROOT / "docs" / "operations.md"
PROGRAM = "prompt-queue"
SOME_ID = "00000000-0000-4000-a000-000000000003"


def compose_services() -> dict[str, Any]:
    """Name -> service of the Compose file."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return services


def is_ours(service: dict[str, Any]) -> bool:
    """Whether a service or a container runs this project's image."""
    return str(service.get("image", "")).partition(":")[0] == PROGRAM


def documents() -> Iterator[dict[str, Any]]:
    """Every Kubernetes object of the manifests."""
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def pods() -> dict[str, dict[str, Any]]:
    """Name of the Deployment or Job -> the spec of its pods."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in documents()
        if "template" in one.get("spec", {})
    }


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a pod, the ones that run first included."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def unit_values(path: Path, key: str) -> list[str]:
    """What a unit assigns to a key, in order."""
    return re.findall(rf"^{key}=(.*)$", path.read_text("utf-8"), re.M)


def env_file_variables(path: Path) -> dict[str, str]:
    """What a file of `NAME=value` lines sets."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", path.read_text("utf-8"), re.M))


def variables() -> Iterator[tuple[str, str]]:
    """Where, and the name of each variable that one of our processes is given."""
    for stage in read_dockerfile(ROOT / "Dockerfile")[-1:]:
        yield from (("Dockerfile", name) for name in stage.environment())
    for name, service in compose_services().items():
        if is_ours(service):
            yield from ((f"compose {name}", variable) for variable in service["environment"])
    for path in (DEPLOY / "compose" / "env.example", *DEPLOY.glob("systemd/*.env.example")):
        yield from ((path.name, name) for name in env_file_variables(path))
    for one in documents():
        if one["kind"] in {"ConfigMap", "Secret"} and one["metadata"]["name"] == PROGRAM:
            entries = one.get("data") or one.get("stringData") or {}
            yield from ((one["kind"], name) for name in entries)
    for name, pod in pods().items():
        for container in containers(pod):
            yield from ((name, entry["name"]) for entry in container.get("env", []))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Where, and the arguments of each command line of ours."""
    (default,) = read_dockerfile(ROOT / "Dockerfile")[-1].all("CMD")
    yield "Dockerfile", list(yaml.safe_load(default.rest))
    for name, service in compose_services().items():
        if is_ours(service):
            yield f"compose {name}", service["command"]
    for name, pod in pods().items():
        yield from (
            (f"{name}/{one['name']}", one["args"]) for one in containers(pod) if is_ours(one)
        )
    for unit in UNITS:
        for line in unit_values(unit, "ExecStart"):
            program, *arguments = shlex.split(line)
            if Path(program).name == PROGRAM:
                yield unit.name, arguments
    for number, arguments in documented_commands():
        yield f"operations.md, command {number}", arguments


def documented_commands() -> Iterator[tuple[int, list[str]]]:
    """The command lines of ours in the page: in blocks of shell, and in `backquotes`."""
    text = PAGE.read_text("utf-8")
    lines = [
        line
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.M | re.S)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(rf"`({PROGRAM} [^`]+)`", text)
    for number, line in enumerate(lines, 1):
        words = shlex.split(line, comments=True)
        if words and Path(words[0]).name == PROGRAM:
            yield number, [SOME_ID if word == "ID" else word for word in words[1:]]


def seconds(duration: object) -> float:
    """Seconds of `15`, `60s`, `2m` or `15min`."""
    match = re.fullmatch(r"(\d+)(s|m|min)?", str(duration))
    assert match is not None, duration
    return float(match[1]) * (60 if (match[2] or "s").startswith("m") else 1)
