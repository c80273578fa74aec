"""Links to our own pictures."""

import base64

import pytest

from prompt_queue.guards.signing import LinkInvalid, LinkSigner
from prompt_queue.jobs.pictures import is_picture_name

NAME = "a" * 64 + ".jpg"
SIGNER = LinkSigner(b"s" * 32)


def test_a_signed_link_tells_what_was_signed() -> None:
    """Name and expiry come back, and the token fits into a path as it is."""
    token = SIGNER.sign(NAME, 1_800_000_000)
    link = SIGNER.verify(token)
    assert (link.name, link.expires_at) == (NAME, 1_800_000_000)
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_link_expires_at_its_time() -> None:
    """The link opens before its time and not from then on; the clock is an argument."""
    link = SIGNER.verify(SIGNER.sign(NAME, 1000))
    assert not link.expired(999.9)
    assert link.expired(1000)


def test_every_altered_character_is_noticed() -> None:
    """No single character of a token can be changed."""
    token = SIGNER.sign(NAME, 1000)
    for place, character in enumerate(token):
        other = "A" if character != "A" else "B"
        with pytest.raises(LinkInvalid):
            SIGNER.verify(token[:place] + other + token[place + 1 :])


def test_a_token_has_one_spelling() -> None:
    """Padding, the other base64 alphabet and cut tokens are refused."""
    token = SIGNER.sign(NAME, 1000)
    plain = base64.b64encode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))).decode()
    for spelling in (token + "=", token[:-1], token + "A", "", " " + token, "\u00e9", "a" * 999):
        with pytest.raises(LinkInvalid):
            SIGNER.verify(spelling)
    if plain.rstrip("=") != token:
        with pytest.raises(LinkInvalid):
            SIGNER.verify(plain.rstrip("="))


def test_another_secret_opens_nothing() -> None:
    """A token made with another secret is refused."""
    with pytest.raises(LinkInvalid):
        LinkSigner(b"t" * 32).verify(SIGNER.sign(NAME, 1000))


@pytest.mark.parametrize("name", ["../etc/passwd", "a.jpg", "A" * 64 + ".jpg", "a" * 64 + ".svg"])
def test_only_names_from_storage_are_signed(name: str) -> None:
    """A path, a free name and a foreign ending are refused."""
    assert not is_picture_name(name)
    with pytest.raises(ValueError, match="storage"):
        SIGNER.sign(name, 1000)


@pytest.mark.parametrize("expires_at", [-1, 10**15])
def test_a_nonsense_expiry_is_not_signed(expires_at: int) -> None:
    """Times that could not be read back are refused."""
    with pytest.raises(ValueError, match="expires_at"):
        SIGNER.sign(NAME, expires_at)


def test_a_short_secret_is_refused() -> None:
    """A secret that could be guessed is refused at the start."""
    with pytest.raises(ValueError, match="16 bytes"):
        LinkSigner(b"short")
