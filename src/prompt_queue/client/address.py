"""Where the server is and how to be let in, from arguments or the environment."""

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from prompt_queue.client.exchange import Request

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_CREDENTIALS: Final = re.compile(r"[\x21-\x7e]+")
Token = str | Callable[[], str] | Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Address:
    """The base of every request. `token` is never shown."""

    scheme: str
    host: str
    port: int
    prefix: str
    token: Token | None = field(default=None, repr=False)
    act_for: str | None = None

    @classmethod
    def of(
        cls,
        base_url: str | None,
        token: Token | None,
        environment: Mapping[str, str] | None = None,
        *,
        act_for: object = None,
    ) -> "Address":
        """From arguments, else PROMPT_QUEUE_URL and PROMPT_QUEUE_TOKEN. Raises ValueError."""
        known = os.environ if environment is None else environment
        parts = urlsplit(base_url or known.get("PROMPT_QUEUE_URL") or DEFAULT_URL)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError(
                "base_url must be an address such as https://queue.example.com, without a password"
            )
        if parts.query or parts.fragment:
            raise ValueError("base_url must end with its path; leave out what follows ? or #")
        return cls(
            parts.scheme,
            parts.hostname,
            parts.port or (443 if parts.scheme == "https" else 80),
            parts.path.rstrip("/"),
            token or known.get("PROMPT_QUEUE_TOKEN") or None,
            None if act_for is None else str(act_for),
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def target(self, request: Request) -> str:
        """Path and query of a request, as they go over the line."""
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self.prefix}{request.path}{query}"


def headers_of(request: Request, token: str | None, act_for: str | None = None) -> dict[str, str]:
    """Everything that is sent as a header. Raises ValueError for a token that is none."""
    headers = {"Accept": "application/json", "User-Agent": "prompt-queue-client"}
    headers |= request.headers
    if token is not None:
        if not _CREDENTIALS.fullmatch(token):
            raise ValueError("the token has characters that a header cannot carry")
        headers["Authorization"] = f"Bearer {token}"
    if act_for is not None:
        headers["X-Act-For"] = act_for
    return headers
