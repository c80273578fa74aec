"""Around the purchase of pictures replies are lost, workers die, webhooks are forged."""

import re
import subprocess
import sys
from pathlib import Path

from lab.pictures.judging import judge
from lab.pictures.plan import KILLS, Trial, plan
from lab.pictures.run import Played

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 150


def test_a_slice_of_the_trials_buys_each_picture_once(tmp_path: Path) -> None:
    """By the laboratory's own command."""
    report = tmp_path / "pictures.md"
    run = subprocess.run(
        [sys.executable, "-m", "lab.pictures", "--submits=8", "--webhooks=4",
         f"--report={report}"],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "12 pictures, 0 violations" in report.read_text()


def test_the_plan_has_every_death_and_is_the_same_again() -> None:
    """With the same seed."""
    trials = plan(500, 300, 3)
    assert {trial.kill for trial in trials} == {None, *KILLS}
    assert len({trial.prompt for trial in trials}) == 800
    assert trials == plan(500, 300, 3)


def test_the_judge_sees_what_must_not_be() -> None:
    """Bought twice, open, failed for another reason, a book that is wrong, a forgery believed."""
    trials = [Trial(n, "x") for n in range(4)]
    ends = [("succeeded", None), ("running", None), ("failed", "refused"), ("succeeded", None)]
    played = [
        Played(trial, "j", status, code) for trial, (status, code) in zip(trials, ends, strict=True)
    ]
    submits = [
        {"prompt": trials[0].prompt, "charged": True, "refunded": False, "cost_usd": 0.5}
    ] * 2
    found = judge(played, submits, 0.5, {("old", 401): 3, ("old", 200): 1})
    assert [re.sub(r"^\d \(x\) ", "", violation) for violation in found.violations] == [
        "was bought 2 times", "succeeded with 2 bought", "is running", "failed: refused",
        "succeeded with 0 bought", "the provider charged 1.000 USD, the book 0.500",
        "1 webhooks (old) were answered 200",
    ]  # fmt: skip
