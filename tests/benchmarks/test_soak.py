"""What the soak makes of its samples."""

from dataclasses import replace

import pytest
from benchmarks.soak.samples import Phase, Sample, growth, phase_at, verdicts


def samples(**changed: float) -> list[Sample]:
    """Ten seconds of each phase; `changed` holds for the last."""
    calm = Sample(
        second=0,
        phase=Phase.BEFORE,
        claims=(1.0,) * 10,
        backlog=0,
        memory=70,
        descriptors=20,
        connections=5,
        dead_rows=1000,
        handled=0,
    )
    found = [replace(calm, second=n, phase=phase_at(n, 10, 10)) for n in range(30)]
    return [
        replace(sample, **changed) if sample.phase is Phase.AFTER else sample for sample in found
    ]


def missed(found: list[Sample], lost: int = 0) -> list[str]:
    """The goals that are not met."""
    return [verdict.name for verdict in verdicts(found, lost) if not verdict.met]


def test_what_stays_the_same_meets_every_goal() -> None:
    assert missed(samples()) == []


@pytest.mark.parametrize(
    ("changed", "goal"),
    [
        ({"claims": (1.0, 2.1)}, "claim p99, after / before"),
        ({"memory": 80.0}, "memory, after / before"),
        ({"descriptors": 30}, "file descriptors, after / before"),
        ({"connections": 7}, "connections, after / before"),
        ({"dead_rows": 2100}, "dead rows, after / before"),
    ],
)
def test_what_grows_misses_its_goal(changed: dict[str, float], goal: str) -> None:
    assert missed(samples(**changed)) == [goal]


def test_a_job_without_an_end_misses_the_goal() -> None:
    assert missed(samples(), lost=1) == ["jobs without an end"]


def test_a_bump_right_after_the_snapshot_is_not_growth() -> None:
    """What was held up may be swept away first."""
    bump = [replace(s, dead_rows=9000) if 20 <= s.second < 24 else s for s in samples()]

    assert growth(bump, lambda sample: sample.dead_rows) == 1.0


def test_the_last_seconds_still_belong_to_the_last_phase() -> None:
    assert [phase_at(second, 10, 10) for second in (0, 9.9, 10, 20, 31)] == [
        Phase.BEFORE, Phase.BEFORE, Phase.HELD, Phase.AFTER, Phase.AFTER
    ]  # fmt: skip
