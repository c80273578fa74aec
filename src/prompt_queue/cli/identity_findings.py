"""What `doctor` concludes about who is served, and how exposed the server is: pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prompt_queue.cli.findings import Finding, State

if TYPE_CHECKING:
    from prompt_queue.settings import Settings

LEAST_CRON_SECRET = 16
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def identity_finding(sentence: str, keys: int | None = None, trouble: str = "") -> Finding:
    """Who is served: `sentence` says it. `keys`: how many are published to check tokens with.

    `trouble`: why none are to be had.
    """
    if trouble:
        return Finding(
            "identity",
            State.FAIL,
            f"{sentence}; its keys cannot be had: {trouble}",
            "check SUPABASE_URL and the way there; a project that signs with the legacy secret "
            "needs SUPABASE_JWT_SECRET",
        )
    if keys is not None:
        word = "key" if keys == 1 else "keys"
        return Finding("identity", State.OK, f"{sentence}; the project publishes {keys} {word}")
    return Finding("identity", State.OK, sentence)


def exposure_findings(settings: "Settings") -> list[Finding]:
    """What a server that others can reach should not be without; one line where all is well."""
    found = []
    if _is_public(settings.base_url):
        if not settings.base_url.startswith("https://"):
            found.append(
                Finding(
                    "exposure",
                    State.WARN,
                    f"clients reach {settings.base_url} without encryption, tokens and keys too",
                    "put a proxy with TLS in front, and its https address into "
                    "PROMPT_QUEUE_PUBLIC_URL",
                )
            )
        found += _limits_finding(settings.user_limits)
    secret = settings.cron_secret.get_secret_value() if settings.cron_secret else None
    if secret is not None and len(secret) < LEAST_CRON_SECRET:
        found.append(
            Finding(
                "exposure",
                State.WARN,
                f"CRON_SECRET has {len(secret)} characters, and opens the operator's routes",
                "choose one of at least 16, for example with: openssl rand -hex 16",
            )
        )
    return found or [Finding("exposure", State.OK, f"clients reach {settings.base_url}")]


def _limits_finding(limits: Mapping[str, object]) -> list[Finding]:
    if any(value is not None for value in limits.values()):
        return []
    return [
        Finding(
            "exposure",
            State.WARN,
            "the settings limit no user, and the address is public",
            "set PROMPT_QUEUE_USER_USD_PER_DAY and PROMPT_QUEUE_USER_REQUESTS_PER_SECOND, or "
            "limits for everybody with: PUT /api/ops/users/everybody/limits",
        )
    ]


def _is_public(base_url: str) -> bool:
    return urlsplit(base_url).hostname not in _LOOPBACK
