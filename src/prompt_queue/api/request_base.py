"""What every body has in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


def complain(sentence: str) -> PydanticCustomError:
    """The error that tells the caller this sentence."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


class Request(BaseModel):
    """A body: unknown names are refused, with a word about what was meant."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")
