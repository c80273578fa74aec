"""Rows of model_rows, as far as a client that starts from nothing needs them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of model_rows."""

    id: UUID
    model_id: UUID
    user_id: UUID
    target_url: str | None
    created_at: datetime


class ModelMissing(Exception):
    """The model does not exist, or belongs to somebody else."""


class RowStore:
    """Makes and lists a user's own rows, and seeds the demo."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        user_id: UUID,
        model_id: UUID | None = None,
        target_url: str | None = None,
        ref_urls: tuple[str, ...] = (),
    ) -> Row:
        """A new row; without a model, in the user's first one, which is made if need be.

        Raises ModelMissing, DatabaseRefused, DatabaseUnavailable.
        """
        async with self._database.transaction() as transaction:
            if model_id is None:
                model = await transaction.row("default_model", user_id) or await transaction.row(
                    "create_model", user_id, "Default"
                )
            else:
                model = await transaction.row("owned_model", model_id, str(user_id))
            if model is None:
                raise ModelMissing(f"There is no model {model_id} that you may use.")
            row = await transaction.row(
                "create_row", model["id"], user_id, target_url, list(ref_urls)
            )
            assert row is not None  # noqa: S101 - INSERT ... RETURNING returns its row
        return _as_row(row)

    async def list(
        self, user_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[Row]:
        """The user's own rows, newest first; `after` is the last row of the page before."""
        created_at, row_id = after or (None, None)
        rows = await self._database.rows("list_rows", user_id, created_at, row_id, limit)
        return [_as_row(row) for row in rows]

    async def seed_demo(self, user_id: UUID, model_id: UUID, row_id: UUID) -> None:
        """Create the demo user, model and row where they are absent."""
        async with self._database.transaction() as transaction:
            await transaction.row("seed_demo_user", user_id)
            await transaction.row("seed_demo_model", model_id, user_id)
            await transaction.row("seed_demo_row", row_id, model_id, user_id)


def _as_row(row: object) -> Row:
    values = dict(row)  # type: ignore[call-overload]
    values.pop("ref_urls", None)
    return Row(**values)
