"""Pictures that requests name by their path in the operator's storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.generation.pictures import PictureSource, StorageDoor
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.recognition import Recognition
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.storage_paths import StoragePaths
from prompt_queue.guards.urls import read_url
from prompt_queue.jobs.errors import BadInput
from prompt_queue.storage.local import LocalPictures
from prompt_queue.storage.supabase import SupabaseStorage
from tests.photographs import plain
from tests.storage.fake_storage import KEY, FakeStorage, fake_storage

USER, OTHER = UUID(int=1), UUID(int=2)
PATH = f"pictures/{USER}/cat.png"


@asynccontextmanager
async def source(folder: Path) -> AsyncIterator[tuple[PictureSource, FakeStorage]]:
    known = Recognition(
        LinkSigner(b"s" * 32),
        "http://127.0.0.1:9",
        storage=StoragePaths(["pictures/{user_id}/"]),
    )
    with fake_storage() as fake:
        fake.objects[PATH] = plain("teal")
        only_there = frozenset({read_url(fake.base).authority})
        async with (
            provider_session(fake.base) as to_sign,
            guarded_session(only_there) as to_fetch,
            guarded_session() as outside,
        ):
            door = StorageDoor(SupabaseStorage(to_sign, fake.base, KEY), to_fetch)
            yield PictureSource(outside, LocalPictures(folder), known, storage=door), fake


async def test_a_path_is_signed_fetched_and_kept_private(tmp_path: Path) -> None:
    """The address opens a private bucket: Grok is sent the picture, not the address."""
    async with source(tmp_path) as (pictures, fake):
        picture = await pictures.fetch(PATH, "target picture", USER)
        assert (await pictures.fetch(PATH, "target picture", USER)).data == picture.data
        assert picture.data == fake.objects[PATH]
        assert picture.public_url is None
        assert (await pictures.inline(picture)).startswith("data:image/jpeg;base64,")
    assert (len(fake.signed), fake.fetched) == (1, [PATH])


async def test_what_one_user_fetched_is_not_remembered_for_another(tmp_path: Path) -> None:
    """The path is judged for each user, before anything is looked up."""
    async with source(tmp_path) as (pictures, fake):
        await pictures.fetch(PATH, "target picture", USER)
        with pytest.raises(BadInput, match=r"target picture cannot be used.*not yours"):
            await pictures.fetch(PATH, "target picture", OTHER)
    assert len(fake.signed) == 1


async def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As every other picture that cannot be used."""
    async with source(tmp_path) as (pictures, _):
        with pytest.raises(BadInput, match=r"reference picture 2 .*There is no such"):
            await pictures.fetch(f"pictures/{USER}/dog.png", "reference picture 2", USER)


async def test_the_storages_trust_opens_no_door_to_others(tmp_path: Path) -> None:
    """A user who writes the storage's private address as a URL gets nothing."""
    async with source(tmp_path) as (pictures, fake):
        with pytest.raises(BadInput, match="private network"):
            await pictures.fetch(f"{fake.base}/storage/v1/x", "target picture", USER)
    assert fake.fetched == []
