"""Tickets: one job, to read, for a few minutes."""

from uuid import UUID, uuid4

import pytest

from prompt_queue.api.request_spans import request_spans
from prompt_queue.guards.tickets import Ticket, TicketSigner
from prompt_queue.jobs.redaction import redact
from tests.api.listening import listening
from tests.api.running import QUEUE, Api
from tests.identity.conftest import bearer
from tests.identity.project import Project
from tests.identity.things import Things, things_of

SIGNER = TicketSigner(b"s" * 32)
TICKET = Ticket(uuid4(), uuid4(), 1000)


@pytest.fixture
async def things(api: Api, project: Project, user_a: UUID) -> Things:
    """What user A has."""
    return await things_of(api, project.token(user_a))


async def ticket_for(api: Api, project: Project, user: UUID, **body: object) -> str:
    """As a page gets it."""
    reply = await api.post("/api/tickets", json=body, headers=bearer(project.token(user)))
    assert reply.status == 201, reply.content
    return str(reply.body["ticket"])


async def test_a_ticket_opens_its_job_and_its_stream(
    api: Api, project: Project, user_a: UUID, things: Things
) -> None:
    """Without a header, as EventSource asks."""
    for field, job, path in (
        ("promptJobId", things.prompt_job, f"{QUEUE}/{things.prompt_job}"),
        ("jobId", things.picture_job, f"/api/jobs/{things.picture_job}"),
    ):
        ticket = await ticket_for(api, project, user_a, **{field: job})
        assert (await api.get(f"{path}?ticket={ticket}")).status == 200
        async with listening(api.session, f"{api.url}{path}/events?ticket={ticket}") as ear:
            frame = await ear.next()
        assert frame is not None
        assert frame.event == "snapshot"


async def test_a_ticket_opens_nothing_else(
    api: Api, project: Project, user_a: UUID, user_b: UUID, things: Things
) -> None:
    """Another job, a change, a list, a timeline, and no ticket is made of a ticket."""
    ticket = await ticket_for(api, project, user_a, promptJobId=things.prompt_job)
    other = (await things_of(api, project.token(user_b))).prompt_job
    own = f"{QUEUE}/{things.prompt_job}"
    for method, path in (
        ("GET", f"{QUEUE}/{other}"), ("GET", f"/api/jobs/{things.prompt_job}"),
        ("GET", f"/api/jobs/{things.picture_job}"), ("DELETE", own), ("GET", f"{own}/timeline"),
        ("POST", f"{own}/retry"), ("GET", QUEUE), ("GET", "/api/events"), ("GET", "/api/me"),
        ("GET", f"{QUEUE}/jobs"), ("POST", "/api/tickets"),
    ):  # fmt: skip
        reply = await api.call(method, f"{path}?ticket={ticket}")
        assert reply.status == (404 if path == f"/api/jobs/{things.prompt_job}" else 401), path
        assert (await api.get(own, headers=bearer(ticket))).status == 401


async def test_a_ticket_is_for_a_job_of_ones_own(
    api: Api, project: Project, user_b: UUID, things: Things
) -> None:
    """Another user's job and one that never was: the same 404."""
    said = set()
    for job in (things.prompt_job, str(uuid4())):
        reply = await api.post(
            "/api/tickets", json={"promptJobId": job}, headers=bearer(project.token(user_b))
        )
        assert (reply.status, reply.body["code"]) == (404, "job_not_found")
        said.add(str(reply.body | {"requestId": ""}).replace(job, ""))
    assert len(said) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"promptJobId": str(uuid4()), "jobId": str(uuid4())},
        {"promptJobId": str(uuid4()), "seconds": 301},
        {"jobId": str(uuid4()), "seconds": 0},
        {"jobId": str(uuid4()), "userId": str(uuid4())},
    ],
    ids=["no job", "two jobs", "too long", "no time", "more"],
)
async def test_a_ticket_is_for_one_job_and_at_most_five_minutes(
    api: Api, project: Project, user_a: UUID, body: dict[str, object]
) -> None:
    """Anything else is refused, with a sentence."""
    reply = await api.post("/api/tickets", json=body, headers=bearer(project.token(user_a)))
    assert reply.status == 422


async def test_a_ticket_that_is_over_is_not_mended_by_a_token(
    api: Api, project: Project, user_a: UUID, things: Things
) -> None:
    """Who shows a ticket is judged by it alone."""
    old = api.parts.tickets.write(Ticket(UUID(things.prompt_job), user_a, 1000))
    own = f"{QUEUE}/{things.prompt_job}"
    for text in (old, "", "pqt_", old[:-2]):
        reply = await api.get(f"{own}?ticket={text}", headers=bearer(project.token(user_a)))
        assert reply.status == 401, text


@pytest.mark.parametrize("at", range(0, 90, 7))
def test_no_letter_of_a_ticket_can_be_changed(at: int) -> None:
    """Nor is one read that was written with another secret, or as something else."""
    text = SIGNER.write(TICKET)
    place = 4 + at
    other = "A" if text[place] != "A" else "B"
    assert SIGNER.read(text[:place] + other + text[place + 1 :], 0) is None
    assert SIGNER.read(text, 999.9) == TICKET
    assert SIGNER.read(text, 1000) is None
    assert TicketSigner(b"t" * 32).read(text, 0) is None


@pytest.mark.parametrize("query", [b"ticket=pqt_x", b"wait=3&tick%65t=pqt_x", b"ticket="])
def test_no_span_has_a_ticket(query: bytes) -> None:
    """A trace shows the query of a request, so one with a ticket is left out of it."""
    leaves_out = request_spans()["exclude"]
    assert leaves_out({"path": "/api/prompt/queue/x", "query_string": query})
    assert not leaves_out({"path": "/api/prompt/queue/x", "query_string": b"wait=3"})


def test_tickets_and_keys_are_redacted() -> None:
    """What gets into a line of the log or an error all the same is struck out."""
    ticket = SIGNER.write(TICKET)
    key = "pq_0123456789ab_" + "f" * 64
    for line in (f"GET /x?ticket={ticket} failed", f"bad {ticket}", f"key {key} is wrong"):
        assert not {ticket, key} & {*redact(line).split()}
        assert ticket[4:] not in redact(line)
        assert "f" * 64 not in redact(line)
