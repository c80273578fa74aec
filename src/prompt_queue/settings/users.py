"""Knobs for what users may use, each and together; an operator can set others for single users."""

from decimal import Decimal
from typing import Any

from prompt_queue.settings.knobs import PREFIX, Group, knob


class UserSettings(Group):
    """How much."""

    user_usd_per_day: Decimal | None = knob(
        PREFIX + "USER_USD_PER_DAY",
        None,
        "US dollars that one user may spend in a UTC day on prompts and pictures; jobs beyond it "
        "wait for the next day. Default: no limit.",
        ge=0,
    )
    user_pictures_per_day: int | None = knob(
        PREFIX + "USER_PICTURES_PER_DAY",
        None,
        "Pictures that one user may ask for in a UTC day. Default: no limit.",
        ge=0,
    )
    user_queued: int | None = knob(
        PREFIX + "USER_QUEUED",
        None,
        "Jobs of one user that may be open at once. Default: no limit.",
        ge=1,
    )
    user_requests_per_second: float | None = knob(
        PREFIX + "USER_REQUESTS_PER_SECOND",
        None,
        "HTTP requests of one user a second, of which ten seconds' worth may come at once. "
        "Default: no limit.",
        ge=0.001,
        lt=1_000_000,
    )

    user_streams: int = knob(
        PREFIX + "USER_STREAMS", 100, "Live streams of one user at one server.", ge=1
    )
    most_streams: int = knob(
        PREFIX + "MOST_STREAMS", 5000, "Live streams of all users at one server.", ge=1
    )
    most_queued: int | None = knob(
        PREFIX + "MOST_QUEUED",
        None,
        "Jobs of all users that may wait; while it is reached new ones are answered with 503. "
        "Default: no limit.",
        ge=1,
    )
    most_waiting_seconds: float | None = knob(
        PREFIX + "MOST_WAITING_SECONDS",
        None,
        "While the oldest job has waited for longer, new ones are answered with 503. Default: no "
        "limit.",
        gt=0,
    )

    @property
    def user_limits(self) -> dict[str, Any]:
        """What holds for every user, by the names of `store.limit_store.UserLimits`."""
        return {
            "usd_a_day": self.user_usd_per_day,
            "pictures_a_day": self.user_pictures_per_day,
            "queued": self.user_queued,
            "requests_a_second": self.user_requests_per_second,
        }
