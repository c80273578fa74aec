"""Who is asking: the caller of a request, and what it takes to become one."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from fastapi import Request

from prompt_queue.api.problems import Problem
from prompt_queue.jobs.scopes import Scope

REALM = 'Bearer realm="prompt-queue"'


class Kind(StrEnum):
    """How the caller showed who it is."""

    LOCAL = "local"
    TOKEN = "token"  # noqa: S105 - a word, not one
    KEY = "key"
    TICKET = "ticket"
    CRON = "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever a request comes from. `owner` is the user whose jobs it is about, if it is one's.

    `actor` is who is named in the audit; `expires_at` is in Unix seconds.
    """

    kind: Kind
    actor: str
    scopes: frozenset[Scope]
    owner: UUID | None = field(default=None)
    expires_at: float | None = None

    @property
    def user_id(self) -> UUID:
        """The user on whose behalf the request acts. Raises Problem where there is none."""
        if self.owner is None:
            raise Problem(
                "forbidden",
                "These credentials belong to no user. Name one in the header X-Act-For, which "
                f"needs the scope {Scope.ACT_FOR}.",
            )
        return self.owner


class Identity(Protocol):
    """Tells who a request comes from."""

    async def identify(self, request: Request) -> Caller:
        """The caller. Raises Problem, always the same for credentials that are not good."""


def unauthorized(*, shown: bool) -> Problem:
    """The answer to who is nobody; `shown`: there were credentials, and they are not good."""
    return Problem(
        "unauthorized",
        "Send an access token or an API key as `Authorization: Bearer <token>`; there is none, or "
        "it is wrong, or over.",
        headers={"WWW-Authenticate": REALM + (', error="invalid_token"' if shown else "")},
    )


def forbidden(missing: Collection[Scope]) -> Problem:
    """The answer to who may not; any of the scopes would do."""
    return Problem(
        "forbidden",
        f"These credentials lack the scope {' or '.join(missing)}.",
        headers={
            "WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{" ".join(missing)}"'
        },
    )
