"""Knobs for what one user may use; an operator can set other limits for single users."""

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
