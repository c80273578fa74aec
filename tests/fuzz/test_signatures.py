"""The verifier of the picture provider's webhooks, against a signature that is made by hand."""

import hashlib
import hmac
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.api.problems import Problem
from prompt_queue.api.webhooks import _prediction_id
from prompt_queue.guards.callbacks import is_signed
from tests.fuzz.profile import hard, seen

SECRET = "whsec_localtestsecret"
NOW = 1_795_430_000
_header = st.text(st.characters(max_codepoint=255), max_size=40)
_times = st.integers(-400, 400).map(lambda by: str(NOW + by))
_bodies = st.binary(max_size=60) | st.just(b'{"id":"a","status":"completed"}')


def _by_hand(webhook_id: str, timestamp: str, body: bytes, secret: str = SECRET) -> str:
    message = b".".join([webhook_id.encode(), timestamp.encode(), body])
    return "v3," + hmac.new(secret[6:].encode(), message, hashlib.sha256).hexdigest()


@hard
@given(_header, _times | _header | st.just("9" * 400) | st.just("\u0661\u0662"), _bodies, st.data())
def test_it_is_signed_only_where_the_hand_agrees(
    webhook_id: str, timestamp: str, body: bytes, data: st.DataObject
) -> None:
    """Never an exception; never an old one; always what the provider signed within five minutes."""
    right = _by_hand(webhook_id, timestamp, body)
    near = data.draw(
        st.sampled_from([right.upper(), right[:-1], right[3:], right + "0", "v3,", ""])
    )
    others = st.sampled_from([_by_hand(webhook_id, timestamp, body, "whsec_"), near])
    signature = data.draw(st.one_of(st.just(right), _header, others))
    signed = is_signed(SECRET, webhook_id, timestamp, body, signature=signature, now=float(NOW))
    digits = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    is_fresh = digits and abs(NOW - int(timestamp)) <= 300
    seen("webhook accepted" if signed else "webhook refused")
    assert signed == (is_fresh and signature.strip() == right)


@hard
@given(_header, _times, st.binary(min_size=1, max_size=60), st.integers(0, 59), st.integers(1, 255))
def test_no_byte_may_change(webhook_id: str, timestamp: str, body: bytes, at: int, by: int) -> None:
    """Of the body, the id or the time."""
    signature = _by_hand(webhook_id, timestamp, body)
    place = at % len(body)
    other = body[:place] + bytes([body[place] ^ by]) + body[place + 1 :]
    for forged in (
        (webhook_id, timestamp, other), (webhook_id + "x", timestamp, body),
        (webhook_id, str(int(timestamp) + 1), body), (webhook_id, timestamp, body + b"\n"),
    ):  # fmt: skip
        assert not is_signed(SECRET, *forged, signature=signature, now=float(NOW))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_ids = (
    _json | st.text(st.characters(), max_size=210) | st.sampled_from(["a\0b", "\ud800", "[" * 900])
)


@hard
@given(st.one_of(
    st.binary(max_size=80), _json.map(lambda one: json.dumps(one).encode()),
    _ids.map(lambda one: json.dumps({"id": one}).encode()),
    st.sampled_from([b"[" * 200_000, b'{"id":' + b"1" * 5000 + b"}", b'{"id":"\xff"}']),
))  # fmt: skip
def test_a_signed_body_names_a_prediction_that_can_be_stored_or_is_refused(body: bytes) -> None:
    """With a problem document, not with an exception of the database."""
    try:
        found: Any = _prediction_id(body)
    except Problem as problem:
        seen("webhook body refused")
        assert problem.code == "malformed_json"
        return
    seen("webhook body accepted")
    assert 0 < len(found.encode()) <= 800
    assert "\0" not in found
