"""Lists in pages, and rows."""

from uuid import UUID, uuid4

import pytest

from prompt_queue.settings import DEMO_MODEL_ID
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from tests.api.running import PHOTO, QUEUE, Api, complete

JOBS = f"{QUEUE}/jobs"


async def test_pages_are_complete_and_disjoint(api: Api, demo: UUID) -> None:
    """Following the cursor gives every job once, newest first, also when new ones arrive."""
    ids = [await api.queued(demo) for _ in range(7)]
    reply = await api.get(f"{JOBS}?limit=3")
    seen = [job["promptJobId"] for job in reply.body["data"]]
    newer = await api.queued(demo)
    while reply.body["hasMore"]:
        link = reply.headers["Link"]
        assert link.endswith('; rel="next"')
        reply = await api.get(link[1 : link.index(">")])
        seen += [job["promptJobId"] for job in reply.body["data"]]
    assert seen == ids[::-1]
    assert newer not in seen
    assert reply.body["nextCursor"] is None
    assert "Link" not in reply.headers


async def test_the_next_page_keeps_the_filters(api: Api, demo: UUID, store: PromptStore) -> None:
    """The Link to the next page carries status, row and limit."""
    done = []
    for _ in range(3):
        await api.queued(demo)
        done.append(await complete(store))
    await api.queued(demo)
    first = await api.get(f"{JOBS}?limit=2&status=completed&rowId={demo}")
    link = first.headers["Link"]
    second = await api.get(link[1 : link.index(">")])
    found = [job["promptJobId"] for job in first.body["data"] + second.body["data"]]
    assert found == done[::-1]


async def test_filters_narrow_the_list(api: Api, demo: UUID) -> None:
    """Jobs of another row, or from before a time, are left out."""
    row = (await api.post("/api/rows", json={})).body["rowId"]
    await api.queued(demo)
    mine = await api.queued(row)
    listed = (await api.get(f"{JOBS}?rowId={row}")).body["data"]
    assert [job["promptJobId"] for job in listed] == [mine]
    assert (await api.get(f"{JOBS}?createdAfter=2999-01-01T00:00:00Z")).body["data"] == []
    assert len((await api.get(f"{JOBS}?createdAfter=2020-01-01T00:00:00Z")).body["data"]) == 2


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=%D9%A3", "limit"),
        ("status=done", "status"),
        ("rowId=7", "rowId"),
        ("createdAfter=yesterday", "createdAfter"),
        ("createdAfter=2026-01-01T00:00:00", "createdAfter"),
        ("cursor=abc", "cursor"),
        ("cursor=WyIyMDI2LTAxLTAxIiwgNyBd", "cursor"),
        ("cursor=%00", "cursor"),
        ("stauts=queued", "stauts"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, query: str, name: str) -> None:
    """No parameter is silently ignored or read as something else."""
    reply = await api.get(f"{JOBS}?{query}")
    assert (reply.status, reply.body["code"]) == (422, "invalid_parameter")
    assert reply.body["errors"][0]["parameter"] == name


async def test_rows_can_be_made_and_listed(api: Api, database: Database) -> None:
    """A client that starts from nothing makes rows and finds its own, newest first."""
    first = await api.post("/api/rows", json={"targetUrl": PHOTO, "refUrls": [PHOTO]})
    assert first.status == 201
    assert first.body["targetUrl"] == PHOTO
    second = await api.post("/api/rows", json={"modelId": str(DEMO_MODEL_ID)})
    assert second.body["modelId"] == str(DEMO_MODEL_ID)
    other = uuid4()
    await database.rows("seed_demo_user", other)
    await RowStore(database).create(other)
    page = (await api.get("/api/rows?limit=2")).body
    assert [row["rowId"] for row in page["data"]] == [second.body["rowId"], first.body["rowId"]]
    assert page["hasMore"] is True
    rest = (await api.get(f"/api/rows?cursor={page['nextCursor']}")).body
    assert len(rest["data"]) == 1
    assert (await api.enqueue(second.body["rowId"])).status == 202


async def test_foreign_models_do_not_exist(api: Api, database: Database) -> None:
    """A row cannot be put into a model of somebody else."""
    other = uuid4()
    await database.rows("seed_demo_user", other)
    foreign = (await RowStore(database).create(other)).model_id
    for model_id in (foreign, uuid4()):
        reply = await api.post("/api/rows", json={"modelId": str(model_id)})
        assert (reply.status, reply.body["code"]) == (404, "model_not_found")


async def test_bad_rows_are_refused_with_a_pointer(api: Api) -> None:
    """Rows are checked like jobs."""
    reply = await api.post("/api/rows", json={"targetUrl": "http://10.0.0.1/"})
    assert (reply.status, reply.pointers) == (422, ["#/targetUrl"])
    reply = await api.post("/api/rows", json={"userId": str(uuid4())})
    assert (reply.status, reply.pointers) == (422, ["#/userId"])
