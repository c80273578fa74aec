"""Knobs of pictures: the account at WaveSpeed, its times, and what statuses are called."""

from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from prompt_queue.jobs.generation_models import find_picture_model, known_picture_models
from prompt_queue.jobs.picture import PictureStatus
from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas


class DispatchSettings(Group):
    """What turns prompts into pictures."""

    wavespeed_level: Literal["none", "bronze", "silver", "gold", "ultra"] = knob(
        PREFIX + "WAVESPEED_LEVEL",
        "bronze",
        "Level of the WaveSpeed account, from which its limits follow: 10, 500, 3,000 or 5,000 "
        "pictures a minute, and 3, 100, 2,000 or 5,000 at once. `none`: no limits.",
    )
    wavespeed_webhook_secret: SecretStr | None = knob(
        "WAVESPEED_WEBHOOK_SECRET",
        None,
        "What WaveSpeed signs its webhooks with. Default: it is asked for with the key.",
    )
    picture_model: str = knob(
        PREFIX + "PICTURE_MODEL",
        "bytedance/seedream-v4/edit",
        "Picture model of jobs that name none; short names such as `seedream` will do.",
    )
    picture_seconds: float = knob(
        PREFIX + "PICTURE_SECONDS",
        1800.0,
        "How long a picture may be with WaveSpeed before it counts as failed.",
        ge=10,
    )
    reconcile_seconds: float = knob(
        PREFIX + "RECONCILE_SECONDS",
        60.0,
        "How long a submit without an answer is looked for before it is sent again, once.",
        ge=1,
        le=3600,
    )
    job_words: CommaList = knob(
        PREFIX + "JOB_STATUS_WORDS",
        (),
        "What statuses of pictures are called in `jobs.status`, where yours differ, such as "
        "`succeeded=done,failed=error`.",
    )
    row_words: CommaList = knob(
        PREFIX + "ROW_STATUS_WORDS",
        (),
        "The same for `model_rows.status`; `none` leaves that column alone.",
    )
    output_bucket: str | None = knob(
        PREFIX + "OUTPUT_BUCKET",
        None,
        "Public bucket of Supabase Storage that pictures are copied to; needs SUPABASE_URL and "
        "SUPABASE_SERVICE_ROLE_KEY. Default: the data directory.",
        pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
    )
    require_idempotency_key: bool = knob(
        PREFIX + "REQUIRE_IDEMPOTENCY_KEY",
        False,
        "Refuse jobs that would become pictures without an Idempotency-Key.",
    )

    @field_validator("job_words", "row_words", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("job_words", "row_words")
    @classmethod
    def _need_statuses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("none",):
            read_words(value)
        return value

    @field_validator("picture_model")
    @classmethod
    def _need_a_known_model(cls, value: str) -> str:
        model = find_picture_model(value)
        if model is None:
            raise ValueError(f"choose one of {', '.join(known_picture_models())}")
        return model.name

    @field_validator("wavespeed_webhook_secret")
    @classmethod
    def _blank_secret_is_absent(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value().strip() else None

    @model_validator(mode="after")
    def _jobs_have_a_status(self) -> Self:
        if self.job_words == ("none",):
            raise ValueError(f"{PREFIX}JOB_STATUS_WORDS names words; jobs.status is always written")
        return self


def read_words(entries: tuple[str, ...]) -> dict[str, str | None]:
    """`succeeded=done` as a mapping; `none` is no word for any status. Raises ValueError."""
    if entries == ("none",):
        return dict.fromkeys(PictureStatus)
    words: dict[str, str | None] = {}
    for entry in entries:
        status, equals, word = (part.strip() for part in entry.partition("="))
        if not equals or not word or status not in set(PictureStatus):
            raise ValueError(
                f"{entry!r} must be a status and your word for it, for example succeeded=done; "
                f"the statuses are {', '.join(PictureStatus)}"
            )
        words[status] = word
    return words
