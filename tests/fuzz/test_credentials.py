"""Tokens, keys and tickets: accepted exactly where a second reading accepts them."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.guards.callbacks import CallbackSigner
from prompt_queue.guards.signing import LinkInvalid, LinkSigner
from prompt_queue.guards.tickets import Ticket, TicketSigner
from prompt_queue.guards.tokens import Claims, SigningKey, TokenInvalid, key_id_of, read_token
from prompt_queue.guards.verifier import TokenVerifier, shared_secret
from prompt_queue.jobs.scopes import OWN, ROLES
from tests.fuzz.profile import hard, seen
from tests.identity.project import LEGACY_SECRET, Signer, claims_of, segment

NOW = 1_795_430_000
ISSUER = "https://project.example/auth/v1"
USER = UUID("11111111-2222-4333-8444-555555555555")
KEY = SigningKey("HS256", LEGACY_SECRET.encode())
HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
KEY_TEXT = ApiKey("0123456789ab", "cd" * 32).text
PICTURE = f"{'ab' * 32}.png"

_headers = st.text(st.characters(max_codepoint=255), max_size=80)
"""What a header may hold: the server reads its bytes as Latin-1."""
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["authenticated", "anon", ISSUER, "operator", str(USER), NOW - 31, NOW + 31]),
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
_claims = st.dictionaries(
    st.sampled_from(["iss", "aud", "role", "exp", "nbf", "iat", "sub", "app_metadata", "jti"]),
    _values, max_size=2,
)  # fmt: skip
_heads = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5u", "zip", "enc", "cty"]),
    _values | st.sampled_from(["HS256", "HS384", "none", "None", "ES256", "JWT", "at+jwt"]),
    max_size=2,
)


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """A token that would be good, with a little changed in it, and signed in some way."""
    head = {"alg": "HS256", "typ": "JWT"} | draw(st.one_of(st.just({}), _heads))
    said = claims_of(USER, ISSUER, NOW) | draw(st.one_of(st.just({}), _claims))
    signed = f"{segment(json.dumps(head).encode())}.{segment(json.dumps(said).encode())}"
    secret = draw(st.sampled_from([LEGACY_SECRET, LEGACY_SECRET, LEGACY_SECRET, "", "another"]))
    hashed = draw(st.sampled_from([HASHES.get(str(head["alg"]), "sha256"), "sha512"]))
    mac = hmac.digest(secret.encode(), signed.encode(), hashed)
    text = f"{signed}.{segment(draw(st.sampled_from([mac, mac, mac, b'', mac[:-1]])))}"
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text) - 1))
        text = (
            text[:at]
            + draw(st.sampled_from(["A", ".", "=", "", "\n", "-", "\xe9"]))
            + text[at + 1 :]
        )
    return text


@st.composite
def changed(draw: st.DrawFn, good: str) -> str:
    """A text with letters exchanged, cut, added or left as it is."""
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(good)))
        put = draw(st.sampled_from(["", "A", "-", "_", "+", "/", "=", "\n", "\xe9", "B", "Q"]))
        good = good[:at] + put + good[at + draw(st.integers(0, 1)) :]
    return good


def _part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _is_signed(token: str) -> bool:
    """The second reading: HMAC by hand, over exactly what was sent."""
    signed, _, signature = token.rpartition(".")
    mac = hmac.digest(LEGACY_SECRET.encode(), signed.encode(), "sha256")
    return base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) == mac


def _check(token: str, claims: Claims) -> None:
    """Everything that makes a token good, written down a second time."""
    assert _is_signed(token)
    head, said = map(_part, token.split(".")[:2])
    assert head["alg"] == "HS256"
    assert head.get("typ", "JWT") == "JWT"
    assert not {"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"} & head.keys()
    assert said["iss"] == ISSUER
    assert said["role"] == "authenticated"
    assert said["aud"] == "authenticated" or "authenticated" in said["aud"]
    assert said["exp"] + 30 > NOW
    assert max(said.get("nbf") or 0, said.get("iat") or 0) <= NOW + 30
    assert str(claims.user_id) == said["sub"]
    about = said.get("app_metadata")
    role = about.get("prompt_queue_role") if isinstance(about, dict) else None
    assert claims.scopes == OWN | (
        ROLES.get(role, frozenset()) if isinstance(role, str) else frozenset()
    )


@hard
@given(st.one_of(tokens(), _headers))
def test_a_token_is_good_only_where_a_second_reading_finds_it_good(token: str) -> None:
    """Anything else is TokenInvalid, never another exception."""
    try:
        claims = read_token(token, KEY, ISSUER, NOW)
    except TokenInvalid:
        seen("token refused")
        return
    seen("token accepted")
    _check(token, claims)


@hard
@given(st.dictionaries(st.sampled_from(["jti", "email", "session_id", "user_metadata"]), _values))
def test_what_a_token_says_besides_changes_nothing(more: dict[str, Any]) -> None:
    """A good token with other claims of any kind is good, and has no more rights."""
    said = json.dumps(claims_of(USER, ISSUER, NOW) | more)
    head = json.dumps({"alg": "HS256", "typ": "JWT"})
    signed = f"{segment(head.encode())}.{segment(said.encode())}"
    mac = hmac.digest(LEGACY_SECRET.encode(), signed.encode(), "sha256")
    token = f"{signed}.{segment(mac)}"
    if len(token) <= 8192 and "NaN" not in said and "Infinity" not in said:
        assert read_token(token, KEY, ISSUER, NOW).scopes == OWN


PUBLISHED = Signer("a-kid")
PUBLIC = SigningKey("ES256", PUBLISHED.private.public_key())


@hard
@given(st.one_of(tokens(), st.builds(
    PUBLISHED.sign_text, _claims.map(lambda more: json.dumps(claims_of(USER, ISSUER, NOW) | more)),
)), st.integers(0, 2000), st.sampled_from(["A", "", ".", "-", "B"]))  # fmt: skip
def test_a_published_key_takes_no_token_of_a_secret(token: str, at: int, letter: str) -> None:
    """What is accepted was signed with ES256, and no letter of what was signed was changed."""
    changed = token[: at % len(token)] + letter + token[at % len(token) + 1 :] if token else token
    for text in (token, changed):
        try:
            read_token(text, PUBLIC, ISSUER, NOW)
        except TokenInvalid:
            seen("ES256 token refused")
            continue
        seen("ES256 token accepted")
        assert _part(text.split(".")[0])["alg"] == "ES256"
        assert text.rpartition(".")[0] == token.rpartition(".")[0]


@hard
@given(st.lists(st.tuples(tokens(), st.integers(-100, 100)), min_size=1, max_size=4))
def test_a_known_token_is_no_more_than_a_new_one(asked: list[tuple[str, int]]) -> None:
    """The memory of a minute answers like the reader itself, also for one that has ended."""
    verifier = TokenVerifier(shared_secret(LEGACY_SECRET), ISSUER, clock=lambda: 0.0)
    for token, later in [*asked, *asked]:
        found = []
        for now in (NOW, NOW + 3600 + later):
            try:
                verifier.verify(token, now).send(None)
            except StopIteration as done:
                found.append((now, done.value))
            except TokenInvalid:
                seen("verifier refused")
        for now, claims in found:
            seen("verifier accepted")
            assert claims == read_token(token, KEY, ISSUER, NOW)
            assert now < claims.expires_at + 30


@hard
@given(_headers | tokens())
def test_the_id_of_a_key_is_short_text_or_nothing(token: str) -> None:
    """It goes into a request to the project's server."""
    try:
        found = key_id_of(token)
    except TokenInvalid:
        return
    assert found is None or 0 < len(found) <= 200


@hard
@given(st.one_of(st.just(KEY_TEXT), changed(KEY_TEXT), changed(KEY_TEXT.upper()), _headers))
def test_a_key_has_one_spelling(text: str) -> None:
    """What is read is written again in the same way, and opens with its own digest alone."""
    key = ApiKey.read(text)
    seen("key refused" if key is None else "key accepted")
    if key is not None:
        assert key.text == text
        assert key.is_one_of(None, hashlib.sha256(key.secret.encode()).digest())
        assert not key.is_one_of(None, hashlib.sha256(text.encode()).digest())
        assert key.secret not in repr(key)


_TICKETS, _CALLS, _LINKS = TicketSigner(b"s" * 32), CallbackSigner(b"s" * 32), LinkSigner(b"s" * 32)
_moments = st.integers(NOW - 400, NOW + 400)


@hard
@given(st.uuids(), st.uuids(), _moments, st.data())
def test_a_ticket_is_ours_to_the_letter_or_nothing(
    job: UUID, user: UUID, ends: int, data: st.DataObject
) -> None:
    """It names the job, the user and the end that were written, and only before that end."""
    ticket = Ticket(job, user, ends)
    written = _TICKETS.write(ticket)
    text = data.draw(st.one_of(st.just(written), changed(written), _headers))
    found = _TICKETS.read(text, NOW)
    seen("ticket refused" if found is None else "ticket accepted")
    assert found == (ticket if text == written and ends > NOW else None)
    assert TicketSigner(b"t" * 32).read(written, NOW) is None


@hard
@given(st.uuids(), st.data())
def test_the_name_of_a_submit_is_ours_to_the_letter_or_nothing(
    call: UUID, data: st.DataObject
) -> None:
    """One submit has one address."""
    written = _CALLS.token(call)
    text = data.draw(st.one_of(st.just(written), changed(written), st.text(max_size=60)))
    assert _CALLS.read(text) == (call if text == written else None)


@hard
@given(_moments, st.data())
def test_a_link_to_a_picture_is_ours_to_the_letter_or_nothing(
    ends: int, data: st.DataObject
) -> None:
    """LinkInvalid for anything else; no ticket and no name of a submit is one."""
    written = _LINKS.sign(PICTURE, ends)
    others = st.sampled_from([_TICKETS.write(Ticket(USER, USER, ends)), _CALLS.token(USER)])
    text = data.draw(st.one_of(st.just(written), changed(written), st.text(max_size=60), others))
    try:
        link = _LINKS.verify(text)
    except LinkInvalid:
        assert text != written
        return
    assert (text, link.name, link.expires_at) == (written, PICTURE, ends)
