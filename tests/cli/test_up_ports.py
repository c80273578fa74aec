"""The metrics ports that `up` gives its workers."""

from pathlib import Path

import pytest

from prompt_queue.cli.up import _metrics_port
from prompt_queue.settings import load_settings


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (9464, ["9464", "9465", "9466"]),
        # There is no port beyond the last one, and a worker must not be refused its start for it.
        (65534, ["65534", "65535", "0"]),
        (0, [None, None, None]),
        (None, [None, None, None]),
    ],
)
def test_each_worker_has_a_port_of_its_own(
    tmp_path: Path, port: int | None, expected: list[str | None]
) -> None:
    """Where one is asked for; what is not set here comes from the environment."""
    settings = load_settings({}, tmp_path / "none", metrics_port=port)
    given = [_metrics_port(settings, n).get("PROMPT_QUEUE_METRICS_PORT") for n in range(3)]
    assert given == expected
