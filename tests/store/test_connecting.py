"""Several hosts in DATABASE_URL: which one is asked, and what happens when it goes."""

from urllib.parse import parse_qs, urlsplit

import pytest
from lab.proxy.postgres import PostgresProxy, postgres_proxy
from lab.proxy.tcp import Cut

from prompt_queue.store.connecting import DatabaseRefused, DatabaseUnavailable, candidates, connect
from prompt_queue.store.database import Database
from prompt_queue.store.worker_store import WorkerStore

ONE = "postgresql://u:p@db.example:5433/app?sslmode=require"


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p@a,b/app", [("a", None), ("b", None)]),
        ("postgresql://u:p@a:1,b:2/app", [("a:1", None), ("b:2", None)]),
        ("postgresql://u:p@[::1]:1,b/app", [("[::1]:1", None), ("b", None)]),
        ("postgresql://u:p@/app?host=/run/a,/run/b", [("/run/a", None), ("/run/b", None)]),
        ("postgresql://u:p@/app?host=a,b&port=1,2", [("a", "1"), ("b", "2")]),
        ("postgresql://u:p@/app?host=a,b&port=6", [("a", "6"), ("b", "6")]),
    ],
)
def test_each_host_is_a_candidate_that_has_to_take_writes(
    dsn: str, hosts: list[tuple[str, str | None]]
) -> None:
    found = [urlsplit(candidate) for candidate in candidates(dsn)]
    queries = [parse_qs(parts.query) for parts in found]
    assert [(q["host"][0], q.get("port", [None])[0]) for q in queries] == hosts
    assert {q["target_session_attrs"][0] for q in queries} == {"read-write"}
    assert {(parts.netloc, parts.path) for parts in found} == {("u:p@", "/app")}


def test_a_single_host_is_asked_as_it_is() -> None:
    assert candidates(ONE) == [ONE]


def test_what_the_url_asks_for_is_kept() -> None:
    (first, _) = candidates("postgresql://u@a,b/app?target_session_attrs=any&sslmode=disable")
    assert parse_qs(urlsplit(first).query) == {
        "host": ["a"],
        "target_session_attrs": ["any"],
        "sslmode": ["disable"],
    }


def both(one: PostgresProxy, other: PostgresProxy) -> str:
    """One URL with the addresses of two proxies of the same database."""
    ports = f"port={one.port}", f"port={one.port},{other.port}"
    return one.dsn.replace(*ports).replace("127.0.0.1", "127.0.0.1,127.0.0.1")


async def test_the_pool_goes_on_with_the_other_host(database_url: str) -> None:
    """Whichever host is cut off, the next statement is answered by the one that is left."""
    async with postgres_proxy(database_url) as one, postgres_proxy(database_url) as other:
        database = await Database.open(both(one, other))
        try:
            for gone, left in ((one, other), (other, one), (one, other)):
                left.heal()
                gone.switch(up=Cut(), down=Cut())
                accepted = left.accepted
                assert (await WorkerStore(database).facts()).version_number >= 150000
                assert left.accepted > accepted or gone.accepted == 0
        finally:
            await database.close()


async def test_every_host_away_is_one_sentence_without_the_password(database_url: str) -> None:
    async with postgres_proxy(database_url) as one, postgres_proxy(database_url) as other:
        for proxy in (one, other):
            proxy.switch(up=Cut(), down=Cut())
        with pytest.raises(DatabaseUnavailable, match="check DATABASE_URL") as raised:
            await connect(both(one, other))
    assert (urlsplit(database_url).password or "-") not in str(raised.value)


async def test_a_wrong_password_is_no_passing_trouble(database_url: str) -> None:
    """Waiting would not help, so it is told from a server that is away."""
    password = urlsplit(database_url).password
    assert password is not None
    wrong = database_url.replace(password, "wrong")
    for attempt in (connect, Database.open):
        with pytest.raises(DatabaseRefused, match="authentication failed"):
            await attempt(wrong)


async def test_a_database_that_is_not_there_is_no_passing_trouble(database_url: str) -> None:
    """The sentence is the server's, also where a pooler hands it on."""
    elsewhere = urlsplit(database_url)._replace(path="/nowhere").geturl()
    with pytest.raises(DatabaseRefused, match='database "nowhere" does not exist'):
        await connect(elsewhere)
