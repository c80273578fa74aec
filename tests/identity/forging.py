"""Forged, foreign, broken and outdated tokens, each with a name; none of them is good."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.identity.project import LEGACY_SECRET, Signer, claims_of

_YEAR = 365 * 86_400


def part(document: Any) -> str:
    """A segment of a token; text stays as it is."""
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def with_hmac(header: dict[str, Any], claims: Any, secret: bytes, digest: str = "sha256") -> str:
    """Signed by hand: no library would make some of these."""
    signed = f"{part(header)}.{part(claims)}"
    mac = hmac.digest(secret, signed.encode(), digest)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forgeries(
    signer: Signer, user: UUID, issuer: str, now: float, *, legacy: bool = False
) -> Iterator[tuple[str, str]]:
    """Names and tokens, for a project that publishes keys, or for one with a legacy secret."""
    good = claims_of(user, issuer, now)
    secret = LEGACY_SECRET.encode()

    def genuine(claims: dict[str, Any] | str, **headers: Any) -> str:
        """Truly signed, whatever it says."""
        if legacy:
            return with_hmac({"alg": "HS256", "typ": "JWT"} | headers, claims, secret)
        if isinstance(claims, str):
            return signer.sign_text(claims, **headers)
        return signer.sign(claims, **headers)

    yield from _without_signature(good, signer)
    yield from _confusions(good, signer)
    yield from _strangers(good, signer, legacy=legacy)
    token = genuine(good)
    head, body, signature = token.split(".")
    other = part(good | {"sub": str(uuid4())})
    yield "another payload under the signature", f"{head}.{other}.{signature}"
    yield "a payload cut short", f"{head}.{body[:-2]}.{signature}"
    yield "a signature cut short", f"{head}.{body}.{signature[:-4]}"
    yield "a signature of zeros", f"{head}.{body}.{'A' * 86}"
    yield "padding", f"{head}=.{body}.{signature}"
    yield "a fourth part", f"{token}.{signature}"
    yield "a blank within", f"{head}. {body}.{signature}"
    yield "a token twice", f"{token},{token}"
    yield "not a token", "hello"
    yield "dots alone", ".."
    yield "a very long one", "a" * 9000
    yield "another alphabet", token.replace(head, base64.b64encode(b'{"alg":"\xff\xfe"}').decode())
    for name, value in {
        "crit": ["exp"], "b64": False, "jku": "https://evil.example/jwks", "x5u": "https://e.example",
        "x5c": ["MIIB"], "jwk": signer.jwk, "zip": "DEF", "enc": "A256GCM",
    }.items():  # fmt: skip
        yield f"signed, with {name}", genuine(good, **{name: value})
    yield from ((name, genuine(good | change)) for name, change in _wrong_claims(issuer, now))
    for name in ("iss", "aud", "exp", "sub", "role"):
        yield f"no {name}", genuine({k: v for k, v in good.items() if k != name})
    text = json.dumps(good)
    yield "a claim twice", genuine(text[:-1] + f', "sub": "{uuid4()}"}}')
    yield "exp is NaN", genuine(text.replace(f'"exp": {good["exp"]}', '"exp": NaN'))
    yield "exp is infinite", genuine(text.replace(f'"exp": {good["exp"]}', '"exp": 1e400'))
    yield (
        "exp is a number of 5,000 digits",
        genuine(text.replace(f'"exp": {good["exp"]}', '"exp": 1' + "0" * 4999)),
    )
    yield "a list for claims", genuine("[]")
    yield "no JSON for claims", genuine("{")


def _without_signature(good: dict[str, Any], signer: Signer) -> Iterator[tuple[str, str]]:
    for name in ("none", "None", "NONE", "nOnE", "", "null"):
        header = {"alg": name, "typ": "JWT", "kid": signer.kid}
        yield f"alg {name!r}, no signature", f"{part(header)}.{part(good)}."
        yield f"alg {name!r}, some signature", f"{part(header)}.{part(good)}.AAAA"
    yield "no alg", f"{part({'kid': signer.kid})}.{part(good)}.AAAA"
    yield "alg is a list", f"{part({'alg': ['ES256'], 'kid': signer.kid})}.{part(good)}.AAAA"


def _confusions(good: dict[str, Any], signer: Signer) -> Iterator[tuple[str, str]]:
    """The public key, which everybody knows, taken for a shared secret."""
    public = signer.private.public_key()
    form = PublicFormat.SubjectPublicKeyInfo
    known = {
        "PEM": public.public_bytes(Encoding.PEM, form),
        "PEM without its line end": public.public_bytes(Encoding.PEM, form).strip(),
        "DER": public.public_bytes(Encoding.DER, form),
        "JWK": json.dumps(signer.jwk).encode(),
        "x of the JWK": signer.jwk["x"].encode(),
        "kid": signer.kid.encode(),
        "nothing": b"",
    }
    for name, key in known.items():
        header = {"alg": "HS256", "typ": "JWT", "kid": signer.kid}
        yield f"HS256 with {name} for a secret", with_hmac(header, good, key)
    header = {"alg": "ES256", "typ": "JWT", "kid": signer.kid}
    yield "HMAC under the name of ES256", with_hmac(header, good, known["PEM"])
    wide = {"alg": "HS512", "typ": "JWT", "kid": signer.kid}
    yield "HS512 with PEM for a secret", with_hmac(wide, good, known["PEM"], "sha512")
    yield "HS512 with the legacy secret", with_hmac(wide, good, LEGACY_SECRET.encode(), "sha512")


def _strangers(good: dict[str, Any], signer: Signer, *, legacy: bool) -> Iterator[tuple[str, str]]:
    """Keys of somebody else, under all kinds of names."""
    stranger = Signer()
    yield "a stranger's key under its own name", stranger.sign(good)
    for kid in (
        signer.kid, "", "../../dev/null", "' or '1'='1", "a" * 5000, "a" * 150, "\u0000",
        "http://evil.example/key", signer.kid + " ", signer.kid.upper(), "file:///dev/null",
    ):  # fmt: skip
        yield f"a stranger's key, kid {kid[:20]!r}", stranger.sign(good, kid=kid)
    for odd in (None, 7, [signer.kid], {"kid": signer.kid}):
        yield f"a stranger's key, kid is {odd!r}", stranger.sign(good, kid=odd)
        if not legacy:
            yield f"the true key, kid is {odd!r}", signer.sign(good, kid=odd)
    yield "a stranger's key, sent along as jwk", stranger.sign(good, jwk=stranger.jwk)
    rsa = generate_rsa(public_exponent=65537, key_size=2048)
    for algorithm in ("RS256", "PS256", "RS512"):
        yield (
            f"{algorithm} under the name of the key",
            jwt.encode(good, rsa, algorithm, headers={"kid": signer.kid}),
        )
    yield (
        "ES384 under the name of the key",
        jwt.encode(good, generate_private_key(SECP384R1()), "ES384", headers={"kid": signer.kid}),
    )
    if legacy:
        yield "the published key, where a secret is configured", signer.sign(good)
        for guess in (b"secret", b"", LEGACY_SECRET.encode()[:-1], b"super-secret-jwt-token"):
            yield f"HS256 with {guess!r}", with_hmac({"alg": "HS256", "typ": "JWT"}, good, guess)
        hashed = hashlib.sha256(LEGACY_SECRET.encode()).digest()
        yield "HS256 with the hash of the secret", with_hmac({"alg": "HS256"}, good, hashed)
    else:
        token = with_hmac({"alg": "HS256", "typ": "JWT"}, good, LEGACY_SECRET.encode())
        yield "the legacy secret, where keys are published", token


def _wrong_claims(issuer: str, now: float) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, change in {
        "longer": issuer + "/", "shorter": issuer[:-1], "a prefix": issuer + ".evil.example",
        "another": "https://evil.example/auth/v1", "a list": [issuer], "supabase": "supabase",
        "in capitals": issuer.upper(), "empty": "", "a number": 7,
    }.items():  # fmt: skip
        yield f"iss is {name}", {"iss": change}
    for name, audience in {
        "anon": "anon", "another": "https://other.example", "in a longer word": "authenticated2",
        "an empty list": [], "a list of others": ["anon"], "a list with a number":
        ["authenticated", 7], "an object": {"authenticated": True}, "a nested list":
        [["authenticated"]], "true": True, "empty": "",
    }.items():  # fmt: skip
        yield f"aud is {name}", {"aud": audience}
    for role in ("anon", "service_role", "supabase_admin", "", "Authenticated", ["authenticated"]):
        yield f"role is {role!r}", {"role": role}
    for name, moment in {
        "just past the leeway": now - 30, "an hour ago": now - 3600, "zero": 0, "negative": -1,
        "text": str(int(now) + 3600), "true": True, "a list": [int(now) + 3600],
        "after the last date": 10**15, "an object": {},
    }.items():  # fmt: skip
        yield f"exp is {name}", {"exp": moment}
    for claim in ("nbf", "iat"):
        for name, moment in {
            "past the leeway": now + 31, "in a year": now + _YEAR, "text": "0", "true": True,
        }.items():  # fmt: skip
            yield f"{claim} is {name}", {claim: moment}
    for name, subject in {
        "no UUID": "somebody", "empty": "", "a number": 7, "a list": [str(uuid4())],
        "without hyphens": uuid4().hex, "with a blank": f" {uuid4()}",
        "two": f"{uuid4()},{uuid4()}", "in braces": f"{{{uuid4()}}}",
    }.items():  # fmt: skip
        yield f"sub is {name}", {"sub": subject}
