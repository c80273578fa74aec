"""Webhooks of the picture provider: what is signed, by whom, when."""

import string
from uuid import uuid4

import pytest

from prompt_queue.guards.callbacks import CallbackSigner, is_signed, signature_of

LETTERS = string.ascii_letters + string.digits + "-_+/"
SECRET, ID, TIME = "whsec_localtestsecret", "5f0c2b7e9d3a4c61b8f2e07d41a9c3b6", "1795430000"
BODY = b'{"id":"5f0c2b7e9d3a4c61b8f2e07d41a9c3b6","status":"completed"}'
SIGNATURE = "v3,2caf745bec156d641ab96d4a4d72fd0b30a80f1d0d3a702d5d135bbc6b1416dc"


def test_the_signature_is_the_one_that_was_worked_out_by_hand() -> None:
    """HMAC-SHA256 over id, time and body, keyed with the secret without its beginning."""
    assert signature_of(SECRET, ID, TIME, BODY) == SIGNATURE


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("secret", "whsec_other"), ("webhook_id", "x"), ("timestamp", "1795430001"),
        ("timestamp", "soon"), ("timestamp", ""), ("timestamp", "9" * 30), ("body", BODY + b" "),
        ("signature", ""), ("signature", SIGNATURE[:-1] + "0"), ("signature", "v3,ü"),
        ("now", 1795430301.0), ("now", 1795429699.0),
    ],
)  # fmt: skip
def test_anything_else_is_not_signed(changed: str, value: object) -> None:
    """Altered, forged, or older than five minutes."""
    good = {"secret": SECRET, "webhook_id": ID, "timestamp": TIME, "body": BODY}
    more = {"signature": SIGNATURE, "now": 1795430100.0}
    assert is_signed(**good, **more)  # type: ignore[arg-type]
    assert not is_signed(**(good | more | {changed: value}))  # type: ignore[arg-type]


def test_a_name_of_a_submit_is_ours_or_nothing() -> None:
    """With another key, cut, or made up: nothing."""
    signer, call = CallbackSigner(b"s" * 32), uuid4()
    token = signer.token(call)
    assert signer.read(token) == call
    assert CallbackSigner(b"t" * 32).read(token) is None
    # The last letter of 43 has two bits to spare.
    near = {token[:-1] + letter for letter in LETTERS} - {token}
    for wrong in ("", "x", token[:-2], token + "AA", "ü" * 43, "A" * len(token), *near):
        assert signer.read(wrong) is None
