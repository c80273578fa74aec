"""Which addresses of pictures are accepted, and how they are spelled afterwards."""

import pytest

from prompt_queue.guards.urls import (
    LONGEST_URL,
    UrlRefused,
    parse_picture_url,
    read_url,
    trusted_authorities,
)

REFUSED = [
    "",
    "photo.jpg",
    "//example.com/a.jpg",
    "https:example.com/a.jpg",
    "https:/example.com/a.jpg",
    "https:///example.com/a.jpg",
    "http://example.com/a.jpg",
    "ftp://example.com/a.jpg",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "gopher://example.com/",
    "jar:https://example.com/a",
    " https://example.com/a.jpg",
    "https://example.com/a b.jpg",
    "https://exa\tmple.com/a.jpg",
    "https://example.com/a\r\nHost: x",
    "https://example.com/\x00",
    "https://example.com/\x7f",
    "https://ex\u00e4mple.com/",
    "https://127\u30020\u30020\u30021/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://exam\u00adple.com/",
    "https://good.com@127.0.0.1/",
    "https://user:pass@example.com/",
    "https://a@b@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\\a",
    "https://example.com#@127.0.0.1/",
    "https://example.com/#fragment",
    "https://exa%6dple.com/",
    "https://example.com%23@127.0.0.1/",
    "https://example.com%2f@127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://0300.0250.0.1/",
    "https://127.000.000.001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://4294967297/",
    "https://256.0.0.1/",
    "https://1.2.3.4.5/",
    "https://8.8.8.8./",
    "https://example.0x7f/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://a.localhost/",
    "https://printer.local/",
    "https://metadata/",
    "https://metadata.google.internal/",
    "https://10.0.0.1/",
    "https://172.16.1.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/",
    "https://168.63.129.16/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[::1/",
    "https://[]/",
    "https://[1::2::3]/",
    "https://example.com:22/",
    "https://example.com:5432/",
    "https://example.com:0/",
    "https://example.com:/",
    "https://example.com:65536/",
    "https://example.com:0443/",
    "https://example.com:0x1bb/",
    "https://example.com:+443/",
    "https://-example.com/",
    "https://example-.com/",
    "https://exa_mple.com/",
    "https://.example.com/",
    "https://example..com/",
    "https://" + "a" * 64 + ".com/",
    "https://example.com/a%zz.jpg",
    "https://example.com/a|b.jpg",
    "https://example.com/<a>",
    "https://example.com/" + "a" * LONGEST_URL,
]


@pytest.mark.parametrize("text", REFUSED)
def test_odd_or_private_addresses_are_refused(text: str) -> None:
    """Every spelling that parsers read differently, and every private server, is refused."""
    with pytest.raises(UrlRefused) as refused:
        parse_picture_url(text)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://example.com/a.jpg", "https://example.com/a.jpg"),
        ("HTTPS://Example.COM/A.jpg", "https://example.com/A.jpg"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=b", "https://example.com/?a=b"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://cdn.example.com/a%20b.jpg?X-Sig=a/b+c%3D&t=1?", None),
        ("https://example.com/@user/a.jpg", None),
        ("https://xn--bcher-kva.example/a.jpg", None),
        ("https://8.8.8.8/a.jpg", None),
        ("https://1.example.com/a.jpg", None),
        ("https://[2606:4700:0:0::1111]/a", "https://[2606:4700::1111]/a"),
    ],
)
def test_public_https_addresses_pass_in_one_spelling(text: str, canonical: str | None) -> None:
    """A public address is accepted and handed on re-serialised."""
    url = parse_picture_url(text)
    assert url.text == (canonical or text)
    assert not url.trusted
    assert parse_picture_url(url.text) == url


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000/a.jpg"),
        ("minio:9000", "http://minio:9000/a.jpg"),
        ("MinIO:9000", "http://minio:9000/a.jpg"),
        ("[::1]:9000", "http://[::1]:9000/a.jpg"),
        ("::1:9000", "http://[0::1]:9000/a.jpg"),
        ("images.internal:443", "https://images.internal/a.jpg"),
        ("images.internal:80", "http://images.internal/a.jpg"),
    ],
)
def test_a_trusted_server_may_be_private_and_plain(entry: str, text: str) -> None:
    """Exactly the host and port that the operator named may be private."""
    trusted = trusted_authorities([entry])
    assert parse_picture_url(text, trusted=trusted).trusted
    with pytest.raises(UrlRefused):
        parse_picture_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9001/",
        "http://127.0.0.2:9000/",
        "http://127.1:9000/",
        "http://[::1]:9000/",
    ],
)
def test_trust_ends_at_the_exact_host_and_port(text: str) -> None:
    """Another port, another host and another spelling of a trusted server are refused."""
    with pytest.raises(UrlRefused):
        parse_picture_url(text, trusted=frozenset({"127.0.0.1:9000"}))


@pytest.mark.parametrize("entry", ["", "minio", "minio:", ":9000", "minio:x", "a b:9", "u@h:9"])
def test_a_trusted_entry_must_be_host_and_port(entry: str) -> None:
    """An entry that could never match is refused instead of ignored."""
    with pytest.raises(UrlRefused):
        trusted_authorities([entry])


def test_path_and_origin_are_those_of_the_canonical_text() -> None:
    """The parts agree with the spelling that is handed on."""
    url = read_url("http://Example.com/a/b?c=d")
    assert (url.path, url.origin) == ("/a/b", "http://example.com:80")
