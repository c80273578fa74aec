"""Which kind of picture an address means: ours, a sample, a trusted server's, or a public one."""

from dataclasses import dataclass
from uuid import UUID

from prompt_queue.guards.signing import LinkInvalid, LinkSigner
from prompt_queue.guards.storage_paths import StoragePaths, is_storage_path
from prompt_queue.guards.urls import PictureUrl, UrlRefused, parse_picture_url, read_url

FILES_PATH = "/files/"
"""Where signed links to our own pictures live, on whatever host clients reach us."""

SAMPLES_PATH = "/samples/"
"""Where the server shows the packaged photographs."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A picture in our storage, reached by a link that we signed; expiry is not judged here."""

    name: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """A packaged photograph; whether one of that name exists is for storage to say."""

    name: str


@dataclass(frozen=True, slots=True)
class TrustedPicture:
    """A picture on a server that the operator trusts although its address may be private."""

    url: PictureUrl


@dataclass(frozen=True, slots=True)
class StoragePicture:
    """A picture in the operator's storage, by its `bucket/path`, that this user may name."""

    path: str


@dataclass(frozen=True, slots=True)
class PublicPicture:
    """A picture on the public internet."""

    url: PictureUrl


RecognisedPicture = OwnPicture | SamplePicture | TrustedPicture | StoragePicture | PublicPicture


@dataclass(frozen=True, slots=True)
class Recognition:
    """What addresses are compared with.

    `own_origin` is the base URL under which clients reach this server, `trusted` a set of
    `host:port` as `trusted_authorities` gives it, `storage` None where there is no storage.
    """

    signer: LinkSigner
    own_origin: str
    trusted: frozenset[str] = frozenset()
    storage: StoragePaths | None = None


def classify(text: str, user_id: UUID, by: Recognition) -> RecognisedPicture:
    """What the address means to this user.

    Raises UrlRefused with a sentence for the user; touches no network.
    """
    if by.storage is not None and is_storage_path(text):
        return StoragePicture(by.storage.check(text, user_id))
    signer, own_origin, trusted = by.signer, by.own_origin, by.trusted
    url, own = read_url(text), read_url(own_origin)
    ours = _same_server(url, own)
    _, is_file, token = url.path.rpartition(FILES_PATH)
    if is_file:
        try:
            link = signer.verify(token)
        except LinkInvalid as error:
            if ours:
                raise UrlRefused(str(error)) from None
        else:
            return OwnPicture(link.name, link.expires_at)
    samples = own.path.rstrip("/") + SAMPLES_PATH
    if ours and url.path.startswith(samples):
        return SamplePicture(url.path.removeprefix(samples))
    admitted = parse_picture_url(text, trusted=trusted)
    return TrustedPicture(admitted) if admitted.trusted else PublicPicture(admitted)


def _same_server(url: PictureUrl, own: PictureUrl) -> bool:
    if url.host in _LOOPBACK and own.host in _LOOPBACK:
        return (url.scheme, url.port) == (own.scheme, own.port)
    return url.origin == own.origin
