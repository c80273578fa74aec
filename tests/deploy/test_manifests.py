"""Schemas of Compose and Kubernetes, units that systemd understands, and time enough to drain."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from prompt_queue.asgi import GRACE_SECONDS
from prompt_queue.settings import Settings
from tests.deploy.programs import installed
from tests.deploy.reading import (
    COMPOSE,
    DEPLOY,
    UNITS,
    compose_services,
    containers,
    documents,
    is_ours,
    pods,
    seconds,
    unit_values,
)

CHECK_SCHEMA = Path(sysconfig.get_path("scripts")) / "check-jsonschema"
KUBERNETES = ("1.31", "1.37")
# What a worker needs after the drain: to settle, to say goodbye, to close its connections.
AFTER_THE_DRAIN = 15.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container
PROGRAMS = [unit for unit in UNITS if "prompt-queue " in "".join(unit_values(unit, "ExecStart"))]


def test_the_compose_file_fits_its_schema() -> None:
    """Also for keys that Compose would ignore without a word."""
    subprocess.run(
        [CHECK_SCHEMA, "--builtin-schema", "vendor.compose-spec", COMPOSE],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_fit_their_schemas(version: str) -> None:
    """Strictly: an unknown field is an error."""
    found = list(documents())
    assert len(found) >= 12
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_check_finds_a_wrong_field() -> None:
    """The check above can fail."""
    one = next(one for one in documents() if one["kind"] == "Deployment")
    one["spec"]["template"]["spec"]["terminationGracePeriod"] = 60
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, KUBERNETES[-1], strict=True)


def test_the_kustomization_names_every_manifest_but_the_secret() -> None:
    """A manifest cannot be forgotten; the example of a secret is never applied by accident."""
    folder = DEPLOY / "kubernetes"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there - {"secret.example.yaml"} | {"../gateway"}


@pytest.mark.parametrize("name", sorted(pods()))
def test_a_pod_has_no_rights_and_no_links(name: str) -> None:
    """The `restricted` level; and no variable of Kubernetes that looks like a setting of ours."""
    pod = pods()[name]
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(pod):
        rights = container["securityContext"]
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("name", sorted(compose_services()))
def test_a_service_of_ours_has_no_rights(name: str) -> None:
    """The gateway and Prometheus as well; PostgreSQL needs some to make its folder its own."""
    service = compose_services()[name]
    if name == "postgres":
        assert service["healthcheck"]
        return
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_nothing_of_ours_is_reached_without_the_gateway() -> None:
    """The server shares the gateway's network; only loopback ports are published."""
    services = compose_services()
    assert services["server"]["network_mode"] == "service:gateway"
    assert not [name for name, one in services.items() if is_ours(one) and "ports" in one]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    (server,) = (one for one in pods()["prompt-queue-server"]["containers"] if is_ours(one))
    assert "ports" not in server


def drains() -> list[tuple[str, object, float]]:
    """Where, the drain of a worker there, and the seconds until it would be killed."""
    default = Settings.model_fields["drain_seconds"].default
    config: dict[str, Any] = next(one for one in documents() if one["kind"] == "ConfigMap")["data"]
    compose = compose_services()["worker"]
    (unit,) = (unit for unit in UNITS if "worker@" in unit.name)
    return [
        (
            "compose",
            compose["environment"].get("PROMPT_QUEUE_DRAIN_SECONDS", default),
            seconds(compose["stop_grace_period"]),
        ),
        (
            "kubernetes",
            config.get("PROMPT_QUEUE_DRAIN_SECONDS", default),
            seconds(pods()["prompt-queue-worker"]["terminationGracePeriodSeconds"]),
        ),
        ("systemd", default, seconds(unit_values(unit, "TimeoutStopSec")[0])),
    ]


@pytest.mark.parametrize(("where", "drain", "grace"), drains())
def test_a_worker_is_not_killed_while_it_drains(where: str, drain: object, grace: float) -> None:
    """Jobs that are handed back cost no attempt; killed ones wait for their lease."""
    assert grace >= float(str(drain)) + AFTER_THE_DRAIN, where


def test_a_server_has_time_for_its_last_answers() -> None:
    """The pause before the signal counts, and the gateway outlives the server."""
    pod = pods()["prompt-queue-server"]
    pause = {
        one["name"]: one["lifecycle"]["preStop"]["sleep"]["seconds"] for one in pod["containers"]
    }
    assert pause["gateway"] > pause["server"] + GRACE_SECONDS
    assert pod["terminationGracePeriodSeconds"] > pause["gateway"] + GRACE_SECONDS
    assert seconds(compose_services()["server"]["stop_grace_period"]) > GRACE_SECONDS + 5


def systemd_analyze() -> str:
    """The program that knows units."""
    return installed("systemd-analyze", "systemd")


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """No unknown key, no missing unit; the program's place is that of the target machine."""
    for path in [*UNITS, *(DEPLOY / "systemd").glob("*.timer")]:
        text = path.read_text("utf-8")
        for absent in ("/opt/prompt-queue/bin/prompt-queue", "/usr/bin/curl"):
            text = text.replace(absent, "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [systemd_analyze(), "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened(unit: Path) -> None:
    """An exposure of at most 2 of 10, as `systemd-analyze security` counts."""
    command = [systemd_analyze(), "security", "--offline=true", "--threshold=20", str(unit)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("unit", PROGRAMS, ids=lambda unit: unit.name)
def test_units_share_one_account_and_one_folder(unit: Path) -> None:
    """Server and workers need the same uploads and the same key."""
    assert unit_values(unit, "User") == ["prompt-queue"]
    assert unit_values(unit, "StateDirectory") == ["prompt-queue"]
    shared, *own = unit_values(unit, "EnvironmentFile")
    assert shared == "/etc/prompt-queue/prompt-queue.env"
    assert own in ([], ["-/etc/prompt-queue/worker-%i.env"])


def test_prometheus_finds_each_worker() -> None:
    """Its configuration, the settings, ports, annotations and the network policy name one port."""
    jobs = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text("utf-8"))
    (job,) = (one for one in jobs["scrape_configs"] if "dns_sd_configs" in one)
    (found,) = job["dns_sd_configs"]
    told = compose_services()["worker"]["environment"]
    assert found["names"] == ["worker"]
    assert str(found["port"]) == told["PROMPT_QUEUE_METRICS_PORT"]
    assert told["PROMPT_QUEUE_METRICS_HOST"] == EVERYWHERE
    (deployment,) = (
        one for one in documents()
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", "prompt-queue-worker")
    )  # fmt: skip
    (worker,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = worker["ports"]
    env = {one["name"]: one["value"] for one in worker["env"]}
    assert env["PROMPT_QUEUE_METRICS_HOST"] == EVERYWHERE
    notes = deployment["spec"]["template"]["metadata"]["annotations"]
    assert notes["prometheus.io/path"] == "/metrics"
    ports = {env["PROMPT_QUEUE_METRICS_PORT"], notes["prometheus.io/port"]}
    assert ports == {str(port["containerPort"])}
    (policy,) = (
        one for one in documents()
        if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", "prompt-queue-worker")
    )  # fmt: skip
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"port": port["name"]}]
    assert rule["from"]
