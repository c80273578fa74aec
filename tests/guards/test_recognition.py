"""Which kind of picture an address means."""

import pytest

from prompt_queue.guards.recognition import (
    OwnPicture,
    PublicPicture,
    SamplePicture,
    TrustedPicture,
    check_url,
    classify,
)
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import UrlRefused

SIGNER = LinkSigner(b"s" * 32)
NAME = "b" * 64 + ".png"
TOKEN = SIGNER.sign(NAME, 1234)
OWN = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "base", [OWN, "http://localhost:9999", "https://pictures.example.com", "https://a.com/app"]
)
def test_our_signature_counts_on_every_host(base: str) -> None:
    """The server may be reached under many names; the signature says that the picture is ours."""
    found = classify(f"{base}/files/{TOKEN}", signer=SIGNER, own_origin=OWN)
    assert found == OwnPicture(NAME, 1234)


def test_a_link_with_a_wrong_signature_is_refused_on_our_own_host() -> None:
    """The sentence speaks of the link, not of private networks."""
    forged = LinkSigner(b"x" * 32).sign(NAME, 1234)
    with pytest.raises(UrlRefused, match="not made by this server"):
        classify(f"{OWN}/files/{forged}", signer=SIGNER, own_origin=OWN)


def test_a_foreign_files_path_is_an_ordinary_public_picture() -> None:
    """Other servers may have a /files/ of their own."""
    found = classify("https://example.com/files/cat.jpg", signer=SIGNER, own_origin=OWN)
    assert isinstance(found, PublicPicture)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_samples_are_known_under_every_loopback_name(host: str) -> None:
    """A browser may say localhost where the server says 127.0.0.1."""
    found = classify(f"http://{host}:8080/samples/cat.jpg", signer=SIGNER, own_origin=OWN)
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
        check_url(url, signer=SIGNER, own_origin=OWN)


def test_samples_behind_a_path_prefix_are_known() -> None:
    """A reverse proxy may show the server under a path."""
    own = "https://a.example.com/queue"
    found = classify(f"{own}/samples/cat.jpg", signer=SIGNER, own_origin=own)
    assert found == SamplePicture("cat.jpg")


def test_trusted_and_public_servers_are_told_apart() -> None:
    """What is trusted is fetched by us, what is public is passed on."""
    trusted = frozenset({"10.0.0.7:9000"})
    inside = classify("http://10.0.0.7:9000/a", signer=SIGNER, own_origin=OWN, trusted=trusted)
    outside = classify("https://example.com/a", signer=SIGNER, own_origin=OWN, trusted=trusted)
    assert isinstance(inside, TrustedPicture)
    assert isinstance(outside, PublicPicture)
