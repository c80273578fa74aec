"""Knobs for who is asking: tokens, keys, and from where browsers may."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator

from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas

_LEAST_SECRET = 32
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


class IdentitySettings(Group):
    """Who is asking, and who may."""

    identity: Literal["auto", "local", "tokens"] = knob(
        PREFIX + "IDENTITY",
        "auto",
        "`tokens`: every request shows an API key, or an access token of Supabase where that is "
        "set up. `local`: whoever reaches the loopback address is the one local user. `auto`: "
        "`tokens` where SUPABASE_URL or SUPABASE_JWT_SECRET is set, else `local`.",
    )
    supabase_jwt_secret: SecretStr | None = knob(
        "SUPABASE_JWT_SECRET",
        None,
        "Legacy secret of a Supabase project that signs access tokens with HS256. Where it is set, "
        "nothing else is accepted; without it, keys are those that SUPABASE_URL publishes.",
    )
    token_issuer: str | None = knob(
        PREFIX + "TOKEN_ISSUER",
        None,
        "`iss` of access tokens. Default: SUPABASE_URL with `/auth/v1` behind it.",
    )
    allowed_origins: CommaList = knob(
        PREFIX + "ALLOWED_ORIGINS",
        (),
        "Origins of other sites whose pages may call from a browser, such as "
        "`https://app.example.com`. Default: none.",
    )
    allowed_hosts: CommaList = knob(
        PREFIX + "ALLOWED_HOSTS",
        (),
        "Names, `host` or `host:port`, under which the server answers besides loopback and "
        "PROMPT_QUEUE_PUBLIC_URL. Default: none.",
    )

    @field_validator("allowed_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("allowed_origins")
    @classmethod
    def _need_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            parts = urlsplit(entry)
            if f"{parts.scheme}://{parts.netloc}" != entry or entry != entry.lower():
                raise ValueError(
                    f"{entry!r} must be an origin as browsers write it, scheme and host without a "
                    "slash at the end, for example https://app.example.com"
                )
            if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.netloc):
                raise ValueError(f"{entry!r} must name one site exactly; there is no `*`")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _need_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _HOST.fullmatch(entry):
                raise ValueError(f"{entry!r} must be host or host:port, for example queue:8080")
        return value

    @field_validator("supabase_jwt_secret")
    @classmethod
    def _need_a_long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if len(value.get_secret_value()) < _LEAST_SECRET:
            raise ValueError(f"a secret that signs has at least {_LEAST_SECRET} characters")
        return value
