"""The requests that this process has answered, counted by route."""

from prometheus_client import Histogram
from starlette.types import Scope

ANSWERS = (
    "prompt_queue_http_request_duration_seconds",
    "Time until an HTTP answer was sent; `route` is the template, `none` where there is no route.",
    ("method", "route", "status"),
)
_ANSWERS = Histogram(
    *ANSWERS,
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def note_request(scope: Scope, status: int, seconds: float) -> None:
    """Count one answer; nothing that a client may choose becomes a label."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = getattr(scope.get("route"), "path", "none")
    _ANSWERS.labels(method, route, str(status)).observe(seconds)
