"""`keys` against a real database."""

from uuid import uuid4

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.settings import DEMO_USER_ID
from tests.cli.conftest import Jobs
from tests.cli.shell import Shell


async def test_keys_are_managed_from_the_command_line(shell: Shell, jobs: Jobs) -> None:
    """Made and shown once, listed without the secret, rotated, revoked."""
    made = await shell.run(
        "keys", "create", "--name", "web", "--scope", "enqueue", "--scope", "read", "--user",
        DEMO_USER_ID, "--expires", "90d", "--json",
    )  # fmt: skip
    key = ApiKey.read(made.json["key"])
    assert key is not None
    assert made.json["state"] == "live"
    listed = await shell.run("keys", "list")
    assert key.prefix in listed.out
    assert key.secret not in listed.out + (await shell.run("keys", "list", "--json")).out
    rotated = await shell.run("keys", "rotate", key.prefix, "--grace", "0s")
    assert "pq_" + key.prefix in rotated.out
    assert (await shell.run("keys", "revoke", key.prefix)).code == 0
    assert (await shell.run("keys", "revoke", key.prefix)).code == 4
    nobody = await shell.run("keys", "create", "--name", "x", "--scope", "read")
    assert (nobody.code, "--user" in nobody.err) == (2, True)
    stranger = await shell.run(
        "keys", "create", "--name", "x", "--scope", "read", "--user", uuid4()
    )
    assert (stranger.code, "auth.users" in stranger.err) == (1, True)
    odd = await shell.run("keys", "create", "--name", "x", "--scope", "admin", "--expires", "soon")
    assert (odd.code, "90d" in odd.err) == (2, True)
