"""GET /metrics for Prometheus: the queue as the database knows it, and this process."""

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from prompt_queue.api.auth import PartsOf, require_ops_read
from prompt_queue.api.exposition import QueueCollector
from prompt_queue.api.problems import documented
from prompt_queue.vitals import ProcessCollector

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    summary="Metrics in the text format of Prometheus",
    response_class=Response,
    responses=documented("unauthorized", "forbidden", "cron_disabled", "misdirected_host"),
    dependencies=[Depends(require_ops_read)],
)
async def metrics(parts: PartsOf) -> Response:
    """200 also with the database away: `prompt_queue_database_up` is 0 then."""
    queue = CollectorRegistry(auto_describe=False)
    queue.register(QueueCollector(await parts.looks.recent()))
    queue.register(ProcessCollector(parts.loop_lag, parts.pool_use))
    text = generate_latest(queue) + generate_latest(REGISTRY)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
