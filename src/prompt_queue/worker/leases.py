"""The leases that this process holds, shared between the loop and the heartbeat's thread."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

from prompt_queue.jobs.job import Leased


class HeldLeases:
    """Job id -> (token, what to do when the lease is lost). Safe to use from both threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[UUID, tuple[UUID, Callable[[], object]]] = {}
        self._progress = 0
        self._progressed_at = time.monotonic()

    def hold(self, claim: Leased, on_lost: Callable[[], object]) -> None:
        """From now on the lease is renewed; `on_lost` is called from the heartbeat's thread."""
        with self._lock:
            self._held[claim.job_id] = (claim.lease_token, on_lost)

    def drop(self, claim: Leased) -> None:
        """The job is settled or lost: stop renewing its lease."""
        with self._lock:
            if self._held.get(claim.job_id, (None,))[0] == claim.lease_token:
                del self._held[claim.job_id]

    def tokens(self) -> dict[UUID, UUID]:
        """A snapshot: job id -> token."""
        with self._lock:
            return {job_id: token for job_id, (token, _) in self._held.items()}

    def lost(self, job_id: UUID, token: UUID) -> None:
        """Tell the holder of this very lease that it is gone."""
        with self._lock:
            held_token, on_lost = self._held.get(job_id, (None, None))
            if held_token != token or on_lost is None:
                return
            del self._held[job_id]
        on_lost()

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)

    def made_progress(self) -> None:
        """The loop is alive; without this the heartbeat stops renewing."""
        self._progress += 1
        self._progressed_at = time.monotonic()

    @property
    def progress(self) -> int:
        """Grows as long as the loop turns."""
        return self._progress

    @property
    def stalled_seconds(self) -> float:
        """How long ago the loop last turned."""
        return time.monotonic() - self._progressed_at
