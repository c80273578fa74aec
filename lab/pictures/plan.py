"""Which fault hits which submit: a list with a seed, pure."""

import random
from dataclasses import dataclass
from typing import Any

KILLS = ("intent.committed", "submit.sent", "submit.answered", "settle.sent", "picture.saved")
LEASE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A picture and what goes wrong with it: faults of the provider, or where its worker dies."""

    number: int
    kind: str
    faults: tuple[dict[str, Any], ...] = ()
    kill: str | None = None

    @property
    def prompt(self) -> str:
        """Nobody else's, so that logs can be told apart."""
        return f"Paint picture number {self.number}."


def _provider(kind: str, *faults: dict[str, Any]) -> tuple[str, tuple[dict[str, Any], ...]]:
    return kind, faults


_SILENT = {"fault": "no_webhook"}
_PROVIDER = (
    _provider("reply lost", {"fault": "drop_reply"}),
    _provider("reply lost, no callback", {"fault": "drop_reply"}, _SILENT),
    _provider("500 although it was begun", {"fault": "status_after"}, _SILENT),
    _provider("a page instead of the reply", {"fault": "html_after"}, _SILENT),
    _provider("reply lost, callback late", {"fault": "drop_reply"},
              {"fault": "late_webhook", "seconds": 2.0}),
    _provider("request lost", {"fault": "drop_request"}),
    _provider("500 before it was begun", {"fault": "status"}),
    _provider("reply later than the lease", {"fault": "delay", "seconds": LEASE_SECONDS * 1.5}),
    _provider("failed there, may pass", {"fault": "fail_passing"}),
    _provider("refused: too many", {"fault": "rate_limit"}),
)  # fmt: skip
_WEBHOOKS = (
    _provider("callback twice", {"fault": "twice"}),
    _provider("callback late", {"fault": "late_webhook", "seconds": 2.0}),
    _provider("callback forged", {"fault": "bad_signature"}),
    _provider("callback altered", {"fault": "tampered"}),
    _provider("no callback", _SILENT),
    _provider("result flaps", {"fault": "flap"}),
)


def plan(submits: int, webhooks: int, seed: int) -> list[Trial]:
    """A third of the submits meets a dying worker, the rest a fault of the provider."""
    dice = random.Random(seed)
    trials = []
    for number in range(submits):
        if number % 3 == 0:
            kill = KILLS[(number // 3) % len(KILLS)]
            trials.append(Trial(number, f"worker killed at {kill}", kill=kill))
        else:
            kind, faults = _PROVIDER[number % len(_PROVIDER)]
            trials.append(Trial(number, kind, faults))
    for number in range(submits, submits + webhooks):
        kind, faults = _WEBHOOKS[number % len(_WEBHOOKS)]
        trials.append(Trial(number, kind, faults))
    dice.shuffle(trials)
    return trials
