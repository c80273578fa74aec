"""The files of the pages: packed for who takes that, kept, and asked for again."""

import gzip

import pytest

from prompt_queue.web.assets import below, takes_gzip, version
from tests.api.running import Api


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("", False), ("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False),
        ("gzip; q=0.000", False), ("identity", False), ("GZIP", True),
    ],
)  # fmt: skip
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    """By name, and not with the weight 0."""
    assert takes_gzip(accepted) is takes


async def test_a_file_is_sent_packed_and_plain_under_two_tags(api: Api) -> None:
    """Caches keep both apart, and each is answered with 304 by its own tag."""
    path = f"/static/{version()}/studio/main.js"
    plain = await api.get(path, headers={"Accept-Encoding": "identity"})
    packed = await api.get(path, headers={"Accept-Encoding": "gzip"}, auto_decompress=False)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content)
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert (await api.get(path, headers=again)).status == 304
    other = {"Accept-Encoding": "gzip", "If-None-Match": plain.headers["ETag"]}
    assert (await api.get(path, headers=other)).status == 200


def test_the_modules_of_a_folder_are_found() -> None:
    """What the studio loads ahead are its own modules, and nothing besides."""
    found = below("studio")
    assert "studio/main.js" in found
    assert all(path.startswith("studio/") and path.endswith(".js") for path in found)
