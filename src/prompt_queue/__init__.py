"""Pictures in, Grok prompts out: a durable queue on PostgreSQL."""

from prompt_queue.store.embedding import enqueue

__version__ = "0.1.0"
__all__ = ["__version__", "enqueue"]
