"""The OpenAPI document says who may call, and the matrix agrees."""

from tests.api.running import Api
from tests.identity.matrix import Access, routes
from tests.identity.things import Things

WAYS = {
    Access.PUBLIC: set(),
    Access.ANY: {"bearer"},
    Access.OWN: {"bearer"},
    Access.OPERATOR: {"bearer", "cron"},
    Access.CRON: {"cron"},
}
_NOTHING = Things("row", "job", "picture", "endpoint", "delivery")


async def test_every_route_says_who_may_call_it(api: Api) -> None:
    """As the matrix of identities has it; a ticket opens a job and its events alone."""
    document = (await api.get("/openapi.json")).body
    schemes = document["components"]["securitySchemes"]
    assert {(name, one["type"]) for name, one in schemes.items()} == {
        ("bearer", "http"), ("cron", "http"), ("ticket", "apiKey"),
    }  # fmt: skip
    table = routes(_NOTHING)
    with_ticket = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            ways = {name for one in operation["security"] for name in one}
            if "ticket" in ways:
                with_ticket.add((method, path))
            assert ways - {"ticket"} == WAYS[table[method.upper(), path].access], (method, path)
    jobs = ("/api/prompt/queue/{promptJobId}", "/api/jobs/{jobId}")
    assert with_ticket == {("get", job + more) for job in jobs for more in ("", "/events")}
