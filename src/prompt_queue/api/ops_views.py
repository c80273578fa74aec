"""From the operator's store to the answers about pauses."""

from collections.abc import Sequence

from prompt_queue.api.ops_schemas import ModelPause, PausedView, PriorityPause, QueuePause
from prompt_queue.api.parts import Parts
from prompt_queue.store.operator_store import Pause, PausedPriority


async def paused_view(parts: Parts) -> PausedView:
    """Everything that is paused. Raises DatabaseUnavailable."""
    pauses = await parts.operator_store.pauses()
    return PausedView(
        queue=next((_pause(one) for one in pauses if one.model is None), None),
        models=[
            ModelPause(model=one.model, since=one.paused_at, reason=one.reason, actor=one.actor)
            for one in pauses
            if one.model is not None
        ],
        priorities=priority_pauses(await parts.operator_store.paused_priorities()),
    )


def priority_pauses(paused: Sequence[PausedPriority]) -> list[PriorityPause]:
    """Neighbours that one act paused are one range; `paused` is in the order of priorities."""
    ranges: list[list[PausedPriority]] = []
    for one in paused:
        last = ranges[-1][-1] if ranges else None
        if last and one.priority == last.priority + 1 and _same_act(one, last):
            ranges[-1].append(one)
        else:
            ranges.append([one])
    return [
        PriorityPause(
            from_=band[0].priority, to=band[-1].priority, since=band[0].paused_at,
            reason=band[0].reason, actor=band[0].actor,
        )
        for band in ranges
    ]  # fmt: skip


def _pause(one: Pause) -> QueuePause:
    return QueuePause(since=one.paused_at, reason=one.reason, actor=one.actor)


def _same_act(one: PausedPriority, other: PausedPriority) -> bool:
    return (one.reason, one.actor, one.paused_at) == (other.reason, other.actor, other.paused_at)
