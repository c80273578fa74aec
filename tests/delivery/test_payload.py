"""Bodies, signatures and the decision what to do after a try: pure."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from prompt_queue.delivery.payload import body_of, headers_of, signatures
from prompt_queue.jobs.webhooks import DeliveryPolicy, Reply, WebhookClaim, decide_delivery

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "https://queue.example.com"
AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def claim(**fields: object) -> WebhookClaim:
    values: dict[str, object] = {
        "job_id": UUID(int=7), "lease_token": UUID(int=8), "endpoint_id": None,
        "url": "https://e.com/", "type": "prompt.completed", "subject": UUID(int=9),
        "data": {"promptJobId": "p", "prompt": "Grün."}, "created_at": AT, "tries": 0,
        "first_try": 0, "lane": "l", "secrets": (SECRET,), "sent_at": 1_614_265_330,
    }  # fmt: skip
    return WebhookClaim(**values | fields)  # type: ignore[arg-type]


def test_the_example_of_the_specification_has_its_signature() -> None:
    """The figures are those of standardwebhooks.com."""
    body = b'{"test": 2432232314}'
    signed = signatures((SECRET,), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_library_makes_the_same_signatures() -> None:
    """One for each secret, while one is rotated."""
    other = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
    sent = claim(secrets=(SECRET, other))
    body = body_of(sent, BASE)
    headers = headers_of(sent, body)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"].split() == [
        Webhook(secret).sign(headers["webhook-id"], at, body.decode()) for secret in (SECRET, other)
    ]


def test_a_body_is_small_and_has_links() -> None:
    """Type, time and data; the secret is in neither body nor name."""
    document = json.loads(body_of(claim(), BASE))
    assert document == {
        "type": "prompt.completed",
        "timestamp": "2026-11-26T12:00:00Z",
        "data": {
            "promptJobId": "p", "prompt": "Grün.", "urls": {"self": f"{BASE}/api/prompt/queue/p"}
        },
    }  # fmt: skip
    picture = json.loads(body_of(claim(data={"jobId": "j", "promptJobId": "p"}), BASE))
    assert picture["data"]["urls"] == {
        "self": f"{BASE}/api/jobs/j", "prompt": f"{BASE}/api/prompt/queue/p"
    }  # fmt: skip
    assert SECRET not in repr(claim())


def test_delays_grow_over_days_and_are_spread() -> None:
    """From 4 to 6 seconds at first, about a day in the end."""
    policy = DeliveryPolicy()
    assert [policy.delay(tries, 0.5) for tries in (1, 2, 3, 4, 5, 9, 30)] == pytest.approx(
        [5, 30, 120, 600, 3600, 86400, 86400]
    )
    assert policy.delay(1, 0) == pytest.approx(4)
    assert policy.delay(1, 0.9999) == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(
    ("status", "tries", "outcome"),
    [(200, 0, "delivered"), (299, 0, "delivered"), (302, 0, "retry"), (404, 0, "retry"),
     (410, 0, "gone"), (500, 10, "retry"), (500, 11, "exhausted"), (None, 11, "exhausted")],
)  # fmt: skip
def test_the_answer_decides(status: int | None, tries: int, outcome: str) -> None:
    """Only 2xx is an answer that counts."""
    reply = Reply(milliseconds=1, status=status)
    assert decide_delivery(claim(tries=tries), reply, DeliveryPolicy(), 0.5).outcome == outcome


def test_tries_count_anew_after_a_replay() -> None:
    """Twelve again."""
    reply = Reply(milliseconds=1, status=500)
    replayed = claim(tries=12, first_try=12)
    assert decide_delivery(replayed, reply, DeliveryPolicy(), 0.5).outcome == "retry"


@pytest.mark.parametrize(
    ("status", "asked", "delay"),
    [(429, 90.0, 90.0), (503, 1e9, 86400.0), (503, 0.0, 5.0), (500, 90.0, 5.0)],
)
def test_retry_after_is_honoured_up_to_a_day(status: int, asked: float, delay: float) -> None:
    """Of 429 and 503, and never to make it sooner."""
    reply = Reply(milliseconds=1, status=status, retry_after=asked)
    assert decide_delivery(claim(), reply, DeliveryPolicy(), 0.5).delay == pytest.approx(delay)
