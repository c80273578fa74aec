"""`webhooks` against a real database."""

from uuid import uuid4

from prompt_queue.store.webhook_store import WebhookStore
from tests.cli.conftest import Jobs
from tests.cli.shell import Shell

HOOK = "https://receiver.example.com/hook"


async def test_an_endpoint_is_added_listed_tested_rotated_and_removed(
    shell: Shell, jobs: Jobs
) -> None:
    """Its secret is printed when it is made, and in no list."""
    made = (await shell.run("webhooks", "add", HOOK, "--event", "prompt.failed", "--json")).json
    assert made["secret"].startswith("whsec_")
    listed = await shell.run("webhooks", "list", "--json")
    assert [(one["url"], one["events"]) for one in listed.json] == [(HOOK, ["prompt.failed"])]
    assert made["secret"] not in listed.out
    assert HOOK in (await shell.run("webhooks", "list")).out
    sent = (await shell.run("webhooks", "test", made["id"], "--json")).json["deliveryId"]
    deliveries = (await shell.run("webhooks", "deliveries", made["id"], "--json")).json
    assert [(one["id"], one["state"]) for one in deliveries] == [(sent, "waiting")]
    assert "endpoint.test" in (await shell.run("webhooks", "deliveries", made["id"])).out
    assert (await shell.run("webhooks", "replay", sent)).code == 0
    rotated = (await shell.run("webhooks", "rotate", made["id"], "--json")).json
    assert rotated["secret"] not in {made["secret"], ""}
    assert (await shell.run("webhooks", "remove", made["id"])).code == 0
    assert (await shell.run("webhooks", "list", "--json")).json == []


async def test_what_is_not_there_and_what_may_not_be_called_is_said_in_a_line(
    shell: Shell, jobs: Jobs
) -> None:
    """With the exit codes of the other commands."""
    for command in ("remove", "rotate", "test", "deliveries", "replay"):
        ran = await shell.run("webhooks", command, str(uuid4()))
        assert (ran.code, ran.err.count("\n")) == (4, 1), ran.err
    private = await shell.run("webhooks", "add", "https://10.0.0.7/hook")
    assert private.code == 2
    assert "TRUSTED_WEBHOOK_HOSTS" in private.err
    assert (await shell.run("webhooks", "add", HOOK, "--event", "nothing")).code == 2


async def test_the_doctor_names_disabled_endpoints(shell: Shell, jobs: Jobs) -> None:
    """As something to look at."""
    made = (await shell.run("webhooks", "add", HOOK, "--json")).json
    store = WebhookStore(jobs.database)
    await store.change(made["id"], {"state": "disabled"})
    found = (await shell.run("doctor", "--json")).json
    (finding,) = [one for one in found if one["check"] == "webhooks"]
    assert (finding["state"], HOOK in finding["detail"]) == ("warn", True)
