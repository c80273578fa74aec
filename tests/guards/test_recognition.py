"""Which kind of picture an address means."""

from uuid import UUID

import pytest

from prompt_queue.guards.recognition import (
    OwnPicture,
    PublicPicture,
    Recognition,
    SamplePicture,
    StoragePicture,
    TrustedPicture,
    classify,
)
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.storage_paths import StoragePaths
from prompt_queue.guards.urls import UrlRefused

SIGNER = LinkSigner(b"s" * 32)
NAME = "b" * 64 + ".png"
TOKEN = SIGNER.sign(NAME, 1234)
OWN = "http://127.0.0.1:8080"
BY = Recognition(SIGNER, OWN)
USER = UUID("0b0e7bd5-3a3c-4f1e-8a55-6c1f1b4cf0aa")


@pytest.mark.parametrize(
    "base", [OWN, "http://localhost:9999", "https://pictures.example.com", "https://a.com/app"]
)
def test_our_signature_counts_on_every_host(base: str) -> None:
    """The server may be reached under many names; the signature says that the picture is ours."""
    found = classify(f"{base}/files/{TOKEN}", USER, BY)
    assert found == OwnPicture(NAME, 1234)


def test_a_link_with_a_wrong_signature_is_refused_on_our_own_host() -> None:
    """The sentence speaks of the link, not of private networks."""
    forged = LinkSigner(b"x" * 32).sign(NAME, 1234)
    with pytest.raises(UrlRefused, match="not made by this server"):
        classify(f"{OWN}/files/{forged}", USER, BY)


def test_a_foreign_files_path_is_an_ordinary_public_picture() -> None:
    """Other servers may have a /files/ of their own."""
    found = classify("https://example.com/files/cat.jpg", USER, BY)
    assert isinstance(found, PublicPicture)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_samples_are_known_under_every_loopback_name(host: str) -> None:
    """A browser may say localhost where the server says 127.0.0.1."""
    found = classify(f"http://{host}:8080/samples/cat.jpg", USER, BY)
    assert found == SamplePicture("cat.jpg")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081/samples/cat.jpg",
        "https://127.0.0.1:8080/samples/cat.jpg",
        f"{OWN}/api/health",
        f"{OWN}/",
    ],
)
def test_nothing_else_on_loopback_is_opened(url: str) -> None:
    """Our own other routes, other ports and other schemes stay private addresses."""
    with pytest.raises(UrlRefused):
        classify(url, USER, BY)


def test_samples_behind_a_path_prefix_are_known() -> None:
    """A reverse proxy may show the server under a path."""
    own = "https://a.example.com/queue"
    found = classify(f"{own}/samples/cat.jpg", USER, Recognition(SIGNER, own))
    assert found == SamplePicture("cat.jpg")


def test_trusted_and_public_servers_are_told_apart() -> None:
    """What is trusted is fetched by us, what is public is passed on."""
    by = Recognition(SIGNER, OWN, frozenset({"10.0.0.7:9000"}))
    inside = classify("http://10.0.0.7:9000/a", USER, by)
    outside = classify("https://example.com/a", USER, by)
    assert isinstance(inside, TrustedPicture)
    assert isinstance(outside, PublicPicture)


def test_a_path_is_looked_for_in_the_storage_where_there_is_one() -> None:
    """Without a storage, a path is an address that lacks its beginning."""
    path = f"pictures/{USER}/cat.jpg"
    by = Recognition(SIGNER, OWN, storage=StoragePaths(["pictures/{user_id}/"]))
    assert classify(path, USER, by) == StoragePicture(path)
    assert isinstance(classify("https://example.com/a", USER, by), PublicPicture)
    with pytest.raises(UrlRefused, match="full URL"):
        classify(path, USER, BY)
