"""A receiver fails, its senders die: every message arrives, in order, under one id."""

import subprocess
import sys
from pathlib import Path

from lab.webhooks.judging import judge
from lab.webhooks.receiver import Call

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 160


def test_a_slice_of_the_messages_arrives_in_order(tmp_path: Path) -> None:
    """By the laboratory's own command."""
    report = tmp_path / "webhooks.md"
    run = subprocess.run(
        [sys.executable, "-m", "lab.webhooks", "--messages=200", "--limit=100",
         f"--report={report}"],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "200 messages, 0 violations" in report.read_text()


def call(number: int, name: str, answer: str = "good", *, signed: bool = True) -> Call:
    return Call("s", number, name, f"{number}".encode(), signed, answer)


def test_the_judge_sees_what_must_not_be() -> None:
    """Lost, too early, too late, two names, a name for two, no signature."""

    def found(*calls: Call) -> str:
        return "; ".join(judge(["s"], 2, calls).violations)

    assert found(call(0, "a"), call(1, "b")) == ""
    assert found(call(0, "a", "500 at once"), call(0, "a"), call(0, "a"), call(1, "b")) == ""
    assert "[1] were never taken" in found(call(0, "a"))
    assert "1 came before its turn" in found(call(0, "a", "500 at once"), call(1, "b"))
    assert "0 came after 1" in found(call(0, "a"), call(1, "b"), call(0, "a"))
    assert "3 ids for 2 messages" in found(call(0, "a"), call(0, "c"), call(1, "b"))
    assert "a stands for two" in found(call(0, "a"), call(1, "a"))
    assert "no good signature" in found(call(0, "a"), call(1, "b", signed=False))
