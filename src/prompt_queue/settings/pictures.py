"""Knobs for pictures: where they may come from, where they are kept."""

from typing import Literal

from pydantic import field_validator

from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas


class PictureSettings(Group):
    """Pictures that users name or send."""

    image_mode: Literal["pass", "inline", "auto"] = knob(
        PREFIX + "IMAGE_MODE",
        "auto",
        "What Grok is sent of a public picture: `pass` its address, `inline` the picture itself, "
        "`auto` the picture once Grok could not fetch it. Others are always sent inline.",
    )
    trusted_image_hosts: CommaList = knob(
        PREFIX + "TRUSTED_IMAGE_HOSTS",
        (),
        "`host:port` list that pictures may come from although the address is private.",
    )
    upload_max_bytes: int = knob(
        PREFIX + "UPLOAD_MAX_BYTES",
        10 * 1024 * 1024,
        "Largest picture that an upload may have, in bytes.",
        ge=1024,
    )
    upload_link_seconds: int = knob(
        PREFIX + "UPLOAD_LINK_SECONDS",
        7 * 24 * 3600,
        "How long the link of an upload opens, in seconds.",
        ge=60,
    )

    @field_validator("trusted_image_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("trusted_image_hosts")
    @classmethod
    def _need_host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, _, port = entry.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{entry!r} must be host:port, for example 127.0.0.1:9000")
        return value
