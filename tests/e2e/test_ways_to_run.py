"""The same house without workers, on a database of one's own, and twice on one directory."""

from collections.abc import Iterator

import pytest

from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Stack, wait_for
from tests.photographs import photograph, plain

SECRET = {"Authorization": "Bearer the-cron-secret"}
CRON = "/api/cron/prompt-processor"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRON_SECRET", "the-cron-secret")


@pytest.mark.usefixtures("secret")
def test_the_cron_route_alone_completes_jobs(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """With no worker at all, passes of the cron route claim, retry, fail and complete jobs."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": 1})
    stack = make_stack(workers=0)
    good = [stack.enqueue(picture_server.add(f"{n}.png", plain("teal"))) for n in range(5)]
    bad = stack.enqueue(picture_server.add("bad.png", b"no picture", content_type="image/png"))

    def passed() -> bool:
        report = stack.request("POST", CRON, headers=SECRET)
        assert report.status == 200, report
        return not report.body["moreWork"]

    wait_for(passed, 30, "nothing is left", every=0.2)
    assert {stack.job(job_id)["status"] for job_id in good} == {"completed"}
    assert stack.job(bad)["status"] == "failed"
    assert stack.request("GET", CRON, headers=SECRET).body["claimed"] == 0


@pytest.mark.usefixtures("secret")
def test_two_passes_at_once_are_one(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """While a pass runs, a second call says so, and that is not an error."""
    from concurrent.futures import ThreadPoolExecutor

    xai_stand_in.settings(latency_seconds=1.5)
    stack = make_stack(workers=0)
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stack.request, "POST", CRON, None, SECRET)
        wait_for(xai_stand_in.calls, 10, "the first pass is at work")
        second = stack.request("POST", CRON, headers=SECRET)
        assert (second.status, second.body["skipped"]) == (200, True)
        assert first.result().body["completed"] == 1
    assert stack.job(job_id)["status"] == "completed"
    assert len(xai_stand_in.calls()) == 1


@pytest.mark.usefixtures("secret")
def test_the_cron_route_alone_delivers_webhooks(
    make_stack: StackFactory, picture_server: PictureServer, webhook_receiver: Receiver
) -> None:
    """What a pass completes it tells at once; a receiver that failed hears it from a later pass."""
    stack = make_stack(
        workers=0, webhook_base_seconds=4, cron_budget_seconds=2,
        TRUSTED_WEBHOOK_HOSTS=webhook_receiver.host_port,
    )  # fmt: skip
    hook = {"webhook": {"url": f"{webhook_receiver.url}/hook"}}
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")), **hook)
    report = stack.request("POST", CRON, headers=SECRET).body
    assert (report["completed"], report["webhooks"]) == (1, 1)
    webhook_receiver.status = 500
    late = stack.enqueue(picture_server.add("u.png", plain("red")), **hook)
    assert stack.request("POST", CRON, headers=SECRET).body["webhooks"] == 0
    assert stack.job(late)["status"] == "completed"
    webhook_receiver.status = 204

    def passed() -> bool:
        return bool(stack.request("POST", CRON, headers=SECRET).body["webhooks"])

    wait_for(passed, 30, "a later pass delivers it", every=0.2)
    told = [(one["type"], one["data"]["promptJobId"]) for one in webhook_receiver.taken]
    assert told == [("prompt.completed", job_id), ("prompt.completed", late)]


def test_the_cron_route_is_closed_without_its_secret(make_stack: StackFactory) -> None:
    """Unset it fails closed; nothing is processed."""
    answer = make_stack(workers=0).request("POST", CRON, headers=SECRET)
    assert (answer.status, answer.body["code"]) == (503, "cron_disabled")


@pytest.fixture
def own_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


@pytest.mark.usefixtures("own_database")
def test_a_database_of_ones_own_is_used_and_not_seeded(
    make_stack: StackFactory, picture_server: PictureServer
) -> None:
    """With DATABASE_URL no PostgreSQL is started and no demo row appears, unless asked for."""
    stack = make_stack()
    assert not any("postgres" in command[0] for command in stack.commands() if command)
    body = {"rowId": str(DEMO_ROW_ID), "targetUrl": picture_server.add("t.png", plain("teal"))}
    answer = stack.request("POST", "/api/prompt/queue", body)
    assert (answer.status, answer.body["code"]) == (404, "row_not_found")
    stack.down()
    stack.environment["PROMPT_QUEUE_SEED_DEMO"] = "true"
    stack.up()
    assert stack.final(stack.enqueue(body["targetUrl"]))["status"] == "completed"


@pytest.fixture
def second() -> Iterator[Stack]:
    stack = Stack()
    stack.data_dir.rmdir()
    yield stack
    stack.down()


def test_two_ups_on_one_directory_share_the_database(
    make_stack: StackFactory, second: Stack, picture_server: PictureServer
) -> None:
    """One server, both connected; the first may leave, and the second goes on."""
    first = make_stack()
    job_id = first.enqueue(picture_server.add("t.png", plain("teal")))
    first.final(job_id)
    second.environment |= first.environment
    second.data_dir = first.data_dir
    second.up()
    postmasters = [c for c in first.commands() if "-D" in c and c[0].endswith("/postgres")]
    assert len(postmasters) == 1
    assert first.down() == 0
    assert second.job(job_id)["status"] == "completed"


def test_an_upload_is_read_from_storage_and_not_over_http(
    make_stack: StackFactory, xai_stand_in: StandIn
) -> None:
    """The worker needs no HTTP to loopback for our own pictures, and none is trusted for it."""
    stack = make_stack(trusted_image_hosts="")
    url = stack.upload(photograph("chelsea"))
    assert stack.get(url.removeprefix(stack.base)).status == 200
    job = stack.final(stack.enqueue(url))
    assert (job["status"], len(xai_stand_in.calls())) == ("completed", 1)
    refused = stack.request(
        "POST",
        "/api/prompt/queue",
        {"rowId": str(DEMO_ROW_ID), "targetUrl": f"{stack.base}/api/health"},
    )
    assert refused.status == 422
    assert refused.body["errors"][0]["pointer"] == "#/targetUrl"
