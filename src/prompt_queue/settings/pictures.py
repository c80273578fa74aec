"""Knobs for pictures: where they may come from, where they are kept."""

import re
from typing import Literal

from pydantic import SecretStr, field_validator

from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas

_BEGINNING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/(?:(?:[A-Za-z0-9_.-]+|\{user_id\})/)*")


class PictureSettings(Group):
    """Pictures that users name or send."""

    image_mode: Literal["pass", "inline", "auto"] = knob(
        PREFIX + "IMAGE_MODE",
        "auto",
        "What Grok is sent of a public picture: `pass` its address, `inline` the picture itself, "
        "`auto` the picture once Grok could not fetch it. Others are always sent inline.",
    )
    supabase_url: str | None = knob(
        "SUPABASE_URL",
        None,
        "URL of the Supabase project: its users' access tokens, and its storage for pictures; "
        "trusted by its exact origin.",
    )
    supabase_service_key: SecretStr | None = knob(
        "SUPABASE_SERVICE_ROLE_KEY", None, "Service key of the project, for signed URLs."
    )
    storage_paths: CommaList = knob(
        PREFIX + "STORAGE_PATHS",
        (),
        "Beginnings of the storage paths that requests may name instead of a URL, such as "
        "`pictures/{user_id}/`; `{user_id}` is the job's user. Default: none.",
    )
    signed_url_seconds: int = knob(
        PREFIX + "SIGNED_URL_SECONDS", 3600, "How long a signed storage URL opens.", ge=300
    )
    cache_seconds: float = knob(
        PREFIX + "CACHE_SECONDS",
        86400.0,
        "How long a prompt that was paid for answers identical requests. 0: never, and requests "
        "that wait at the same time are asked and paid for one by one.",
        ge=0,
    )
    cache_shared: bool = knob(
        PREFIX + "CACHE_SHARED",
        False,
        "Let users share what was paid for: an answer that comes at once then tells that somebody "
        "has asked the same.",
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

    @field_validator("trusted_image_hosts", "storage_paths", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("storage_paths")
    @classmethod
    def _need_folders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _BEGINNING.fullmatch(entry):
                raise ValueError(
                    f"{entry!r} must be a bucket and folders, each followed by a slash, for "
                    "example pictures/{user_id}/"
                )
        return value

    @field_validator("trusted_image_hosts")
    @classmethod
    def _need_host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, _, port = entry.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{entry!r} must be host:port, for example 127.0.0.1:9000")
        return value
