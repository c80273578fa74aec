"""A Supabase project of the test's own: it signs tokens, and publishes its keys over real HTTP."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from prompt_queue.guards.jwks import JWKS_PATH

LEGACY_SECRET = "a-legacy-secret-of-more-than-32-characters"
HOUR = 3600


def segment(raw: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Signer:
    """A private key of a project, and what is published of it."""

    def __init__(self, kid: str | None = None) -> None:
        self.kid = kid or str(uuid4())
        self.private = generate_private_key(SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        public = json.loads(ECAlgorithm.to_jwk(self.private.public_key()))
        return public | {"kid": self.kid, "alg": "ES256", "use": "sig", "key_ops": ["verify"]}

    def sign(self, claims: Mapping[str, Any], **headers: Any) -> str:
        """A token of this project; what it says is up to the caller."""
        return self.sign_text(json.dumps(dict(claims)), **headers)

    def sign_text(self, claims: str, **headers: Any) -> str:
        """The same for any text; a header that is None is left out."""
        said = {"alg": "ES256", "typ": "JWT", "kid": self.kid} | headers
        head = {name: value for name, value in said.items() if value is not None}
        signed = f"{segment(json.dumps(head).encode())}.{segment(claims.encode())}"
        signature = jwt.get_algorithm_by_name("ES256").sign(signed.encode(), self.private)
        return f"{signed}.{segment(signature)}"


def claims_of(user: UUID, issuer: str, now: float | None = None, **changes: Any) -> dict[str, Any]:
    """What an access token of Supabase says; a change to None leaves a claim out."""
    # The project signs by its own clock.
    now = time.time() if now is None else now  # noqa: TID251
    said: dict[str, Any] = {
        "iss": issuer,
        "sub": str(user),
        "aud": "authenticated",
        "role": "authenticated",
        "exp": int(now) + HOUR,
        "iat": int(now),
        "email": "somebody@example.com",
        "app_metadata": {"provider": "email"},
        "user_metadata": {"prompt_queue_role": "operator"},
        "session_id": str(uuid4()),
        "is_anonymous": False,
    } | changes
    return {name: value for name, value in said.items() if value is not None}


class Project:
    """The auth server: `answer` is what it says next, `hold` what it waits for."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.asked = 0
        self.url = ""
        self.status = 200
        self.text: str | None = None
        self.media_type = "application/json"
        self.headers: dict[str, str] = {}
        self.hold = asyncio.Event()
        self.hold.set()
        self.published = [self.signer.jwk]

    @property
    def issuer(self) -> str:
        return f"{self.url}/auth/v1"

    def token(self, user: UUID, **changes: Any) -> str:
        return self.signer.sign(claims_of(user, self.issuer, **changes))

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await self.hold.wait()
        text = json.dumps({"keys": self.published}) if self.text is None else self.text
        return web.Response(
            status=self.status, text=text, content_type=self.media_type, headers=self.headers
        )


@asynccontextmanager
async def open_project() -> AsyncIterator[Project]:
    """The project on a port of its own."""
    project = Project()
    app = web.Application()
    app.router.add_get(JWKS_PATH, project.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    project.url = f"http://127.0.0.1:{port}"
    try:
        yield project
    finally:
        project.hold.set()
        await runner.cleanup()
