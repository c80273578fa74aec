"""What the span of a call to Grok says of its answer."""

from prompt_queue.generation.answer import CallFailed, GrokAnswer
from prompt_queue.jobs.outcome import Usage
from prompt_queue.tracing import Attributes, Span
from prompt_queue.tracing.calls import STATUS


def note_answer(span: Span, answer: GrokAnswer) -> None:
    """What the answer is called, and what it used; never what it says."""
    reason = answer.finish_reason
    span.note(
        {
            STATUS: answer.http_status,
            "gen_ai.response.id": answer.id,
            "gen_ai.response.model": answer.model,
            "gen_ai.response.finish_reasons": None if reason is None else (reason,),
            **_used(answer.usage),
        }
    )


def note_failure(span: Span, failed: CallFailed) -> None:
    """Its class, and what it has cost nevertheless."""
    span.note(
        {
            STATUS: failed.http_status,
            "gen_ai.response.model": failed.model,
            **_used(failed.usage),
        }
    )
    span.fail(failed.failure.code)


def _used(usage: Usage) -> Attributes:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
    }
