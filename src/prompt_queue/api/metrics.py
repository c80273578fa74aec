"""GET /metrics for Prometheus: the queue as the database knows it, and this process."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from prompt_queue.api.auth import PartsOf
from prompt_queue.api.exposition import QueueCollector
from prompt_queue.api.problems import documented

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    summary="Metrics in the text format of Prometheus",
    response_class=Response,
    responses=documented("misdirected_host"),
)
async def metrics(parts: PartsOf) -> Response:
    """Always 200: with the database away, `prompt_queue_database_up` is 0."""
    queue = CollectorRegistry(auto_describe=False)
    queue.register(QueueCollector(await parts.looks.recent()))
    text = generate_latest(queue) + generate_latest(REGISTRY)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
