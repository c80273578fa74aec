"""Looks whether an alert rule fires, whoever of the workers comes first."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from prompt_queue.jobs.alerts import firing
from prompt_queue.jobs.measures import Measures
from prompt_queue.store.alert_store import AlertChange, AlertStore
from prompt_queue.store.database import Database
from prompt_queue.store.measure_store import MeasureStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log

WATCH_SECONDS = 60.0
_EVENTS = {"firing": Event.ALERT_FIRING, "resolved": Event.ALERT_RESOLVED}


class AlertWatch:
    """Measures the queue and keeps the alerts; webhooks about them go to `user_id`."""

    def __init__(
        self,
        measure: Callable[[], Awaitable[Measures]],
        store: AlertStore,
        singletons: WorkerStore,
        thresholds: Mapping[str, float],
        user_id: UUID | None,
    ) -> None:
        self._measure = measure
        self._store = store
        self._singletons = singletons
        self._thresholds = thresholds
        self._user_id = user_id

    @classmethod
    def on(
        cls, database: Database, thresholds: Mapping[str, float], user_id: UUID | None
    ) -> "AlertWatch":
        """One that measures this database."""
        return cls(
            MeasureStore(database).measures,
            AlertStore(database),
            WorkerStore(database),
            thresholds,
            user_id,
        )

    async def look(self) -> list[AlertChange]:
        """What began and what is over; nothing where another process has looked just now.

        Raises DatabaseUnavailable, DatabaseRefused.
        """
        # Shorter than the pause between two looks, so that one process alone looks each time.
        if await self._singletons.take_singleton("alerts", WATCH_SECONDS / 2) is None:
            return []
        alerts = firing(await self._measure(), self._thresholds)
        changes = await self._store.note(alerts, self._user_id)
        for change in changes:
            log(
                _EVENTS[change.change],
                level="warning" if change.change == "firing" else "info",
                name=change.name,
                about=change.about or None,
                value=change.value,
                threshold=change.threshold,
                sentence=change.sentence,
            )
        return changes
