"""The keys of servers: one short method per statement. Only digests of secrets come here."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from prompt_queue.jobs.scopes import Scope
from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """What a key is checked against. `is_rested`: its last use was noted over a minute ago."""

    prefix: str
    user_id: UUID | None
    scopes: frozenset[Scope]
    expires_at: datetime | None
    is_live: bool
    is_rested: bool
    digest: bytes = field(repr=False)
    old_digest: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key as operators see it; the old secret opens too until `old_until`."""

    prefix: str
    name: str
    user_id: UUID | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    old_until: datetime | None
    is_live: bool


class KeyStore:
    """Makes, finds, rotates and revokes keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, prefix: str) -> FoundKey | None:
        """The key with this prefix, live or not."""
        row = await self._database.row("find_api_key", prefix)
        if row is None:
            return None
        return FoundKey(**dict(row) | {"scopes": frozenset(Scope(one) for one in row["scopes"])})

    async def touch(self, prefix: str) -> None:
        """Note that the key was used."""
        await self._database.row("touch_api_key", prefix)

    async def create(
        self,
        prefix: str,
        digest: bytes,
        name: str,
        scopes: Collection[Scope],
        *,
        user_id: UUID | None,
        seconds: float | None,
        actor: str,
    ) -> ListedKey | None:
        """A new key that opens for so long; None where the prefix is taken.

        Raises DatabaseRefused, for a user who is not in auth.users among others.
        """
        row = await self._database.row(
            "create_api_key", prefix, digest, name, user_id, sorted(scopes), seconds, actor
        )
        return _listed(row) if row else None

    async def rotate(
        self, prefix: str, digest: bytes, grace_seconds: float, actor: str
    ) -> ListedKey | None:
        """Give a key a new secret; None where there is no such key, or no more."""
        row = await self._database.row("rotate_api_key", prefix, digest, grace_seconds, actor)
        return _listed(row) if row else None

    async def revoke(self, prefix: str, actor: str) -> bool:
        """Close a key for good; whether one was open."""
        row = await self._database.row("revoke_api_key", prefix, actor)
        return bool(row and row["revoked"])

    async def all(self) -> list[ListedKey]:
        """Every key, the oldest first, those that open no more among them."""
        return [_listed(row) for row in await self._database.rows("list_api_keys")]


def _listed(row: asyncpg.Record) -> ListedKey:
    values = {name: row[name] for name in ListedKey.__slots__}
    return ListedKey(**values | {"scopes": tuple(row["scopes"])})
