"""How much is measured, and what the figures are called."""

from dataclasses import dataclass

ENQUEUE_ONE = "enqueue, one by one (jobs/s)"
ENQUEUE_MANY = "enqueue, 1,000 at a time (jobs/s)"
PICK_UP = "pick-up by an idle worker (ms)"
TRANSACTIONS = "transactions of a drained job"
WAL = "WAL of a drained job (bytes)"
WAL_ENQUEUE = "WAL of an enqueued job (bytes)"
MEMORY = "memory of a worker (MB)"
CPU = "worker's processor time for a job (µs)"
ONE_USER = ", one user in strict order"


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of everything."""

    rounds: int = 5
    singles: int = 500
    bulks: int = 20
    jobs: int = 20_000
    slow_jobs: int = 2_000
    depths: tuple[int, int] = (200_000, 1_000_000)
    of_deep: int = 10_000
    slow_of_deep: int = 1_000
    pick_ups: int = 400
    reads: int = 2_000

    def drain(self, processes: int) -> str:
        """The name of the figure."""
        return f"drain of {self.jobs:,}, {processes} process{'es' * (processes > 1)} (jobs/s)"

    def deep(self, number: int) -> str:
        """The name of the figure for the first or second depth."""
        return f"drain of {self.of_deep:,} at {self.depths[number]:,} queued (jobs/s)"

    @property
    def status_read(self) -> str:
        """The name of the figure."""
        return f"status read at {self.depths[1]:,} queued (ms)"


QUICK = Plan(
    rounds=3,
    singles=200,
    bulks=5,
    jobs=4_000,
    slow_jobs=400,
    depths=(20_000, 60_000),
    of_deep=4_000,
    slow_of_deep=400,
    pick_ups=100,
    reads=500,
)
