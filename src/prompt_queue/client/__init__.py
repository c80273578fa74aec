"""For programs that use a prompt-queue server over HTTP; docs/clients.md shows how.

`PromptQueue` for programs without asyncio, `AsyncPromptQueue` for those with it. It imports nothing
else of the package, so it brings neither a server nor a database driver.
"""

from prompt_queue.client.asynchronous import AsyncPromptQueue
from prompt_queue.client.errors import (
    ApiError,
    Conflict,
    InvalidRequest,
    NotFound,
    PromptQueueError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from prompt_queue.client.models import (
    Cancelled,
    Created,
    Enqueued,
    PaidCall,
    Picture,
    PictureJob,
    PromptJob,
    QueueStats,
    Row,
    Timeline,
    TimelineEvent,
    Update,
    Uploaded,
    WaitingReason,
)
from prompt_queue.client.retrying import Patience
from prompt_queue.client.synchronous import PromptQueue

__all__ = [
    "ApiError",
    "AsyncPromptQueue",
    "Cancelled",
    "Conflict",
    "Created",
    "Enqueued",
    "InvalidRequest",
    "NotFound",
    "PaidCall",
    "Patience",
    "Picture",
    "PictureJob",
    "PromptJob",
    "PromptQueue",
    "PromptQueueError",
    "QueueStats",
    "RateLimited",
    "Row",
    "TimedOut",
    "Timeline",
    "TimelineEvent",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "Update",
    "Uploaded",
    "WaitingReason",
]
