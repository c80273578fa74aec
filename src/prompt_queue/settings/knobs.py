"""How a knob is declared: its field, environment variable, default and meaning."""

from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PROMPT_QUEUE_"

CommaList = Annotated[tuple[str, ...], NoDecode]


def knob(variable: str, default: object, description: str, **limits: Any) -> Any:
    """A field that is read from the environment variable."""
    return Field(default, validation_alias=variable, description=description, **limits)


class Group(BaseSettings):
    """Some knobs that belong together."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )


def split_commas(value: object) -> object:
    """The parts of a comma-separated text."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
