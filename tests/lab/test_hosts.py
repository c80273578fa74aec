"""Hosts are cut off from each other, and ours go on by themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.hosts.trials import OFF_DATABASE, SERVER_OFF, Effect, Trial, effect
from lab.logs import LeaseChange

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


@pytest.mark.skipif(
    sys.platform != "linux" or (os.geteuid() != 0 and "CI" not in os.environ),
    reason="only root on Linux makes network namespaces",
)
def test_cut_links_lose_nothing_and_need_no_hand(tmp_path: Path) -> None:
    """Two faults of the network, by the laboratory's own command."""
    report = tmp_path / "hosts.md"
    run = subprocess.run(
        [sys.executable, "-m", "lab.hosts", "--trials=2", f"--report={report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "2 faults, 0 violations" in report.read_text()
    assert report.with_suffix(".png").exists()


def _claim(at: float, pid: int) -> LeaseChange:
    return LeaseChange(1, "job", None, "token", worker=f"host-name-{pid}-abc", at=at)


def test_the_rest_are_those_that_were_not_hit() -> None:
    """Four a second before; the worker that is cut off does not count while it is."""
    trial = Trial(OFF_DATABASE, "worker-1", begun=100.0, healed=104.0, pid=7)
    before = [_claim(98.0 + n / 4, 8) for n in range(8)] + [_claim(99.0, 7)]
    meanwhile = [_claim(100.0 + n / 2, 8) for n in range(8)]
    after = [_claim(104.5, 8), _claim(105.25, 7), _claim(105.5, 7)]
    found = effect(trial, [*before, *meanwhile, *after])
    assert found == Effect(4.0, 2.0, 1.25)
    assert found.kept == 0.5


def test_a_worker_that_does_not_come_back_has_no_time() -> None:
    trial = Trial(OFF_DATABASE, "worker-1", begun=100.0, healed=104.0, pid=7)
    assert effect(trial, [_claim(99.0, 7)]) == Effect(0.0, 0.0, None)


def test_without_a_worker_that_was_hit_all_are_the_rest() -> None:
    trial = Trial(SERVER_OFF, "server", begun=100.0, healed=102.0)
    assert effect(trial, [_claim(99.0, 7), _claim(99.5, 8), _claim(101.0, 7)]) == Effect(
        1.0, 0.5, None
    )
