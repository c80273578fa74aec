"""Knobs for webhooks that we send."""

from pydantic import field_validator

from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas


class WebhookSettings(Group):
    """Results out."""

    trusted_webhook_hosts: CommaList = knob(
        "TRUSTED_WEBHOOK_HOSTS",
        (),
        "`host:port` list that webhooks may be sent to although the address is private or without "
        "TLS. Default: none.",
    )
    webhook_concurrency: int = knob(
        PREFIX + "WEBHOOK_CONCURRENCY",
        16,
        "Webhooks that one worker process sends at once, beside its jobs.",
        ge=1,
        le=500,
    )
    webhook_seconds: float = knob(
        PREFIX + "WEBHOOK_SECONDS", 15.0, "Time that a receiver has to answer.", gt=0, le=120
    )
    webhook_base_seconds: float = knob(
        PREFIX + "WEBHOOK_BASE_SECONDS",
        5.0,
        "Delay before the first repeat of a webhook; the next ones are 6, 24, 120, 720, 2160, "
        "4320, 8640 and 17280 times as long.",
        gt=0,
        le=3600,
    )
    webhook_tries: int = knob(
        PREFIX + "WEBHOOK_TRIES",
        12,
        "How often a webhook is sent before it is given up: 12 takes about four days.",
        ge=1,
        le=100,
    )
    webhook_disable_days: float = knob(
        PREFIX + "WEBHOOK_DISABLE_DAYS",
        5.0,
        "An endpoint that has answered nothing well for so many days is disabled.",
        gt=0,
    )

    @field_validator("trusted_webhook_hosts", mode="before")
    @classmethod
    def _split_webhook_hosts(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("trusted_webhook_hosts")
    @classmethod
    def _need_webhook_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, _, port = entry.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{entry!r} must be host:port, for example 127.0.0.1:9000")
        return value
