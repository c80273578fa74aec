"""Reading a body: size first, then JSON, then the model; a sentence for whatever is wrong."""

import asyncio
import difflib
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prompt_queue.api.problems import Problem

MOST_JSON_BYTES: Final = 1024 * 1024
DEEPEST_JSON: Final = 32
MOST_VALUES: Final = 5000
"""Values that a body may have in all; each of them may become a sentence about it."""

_ARRIVAL_SECONDS = 60.0
# A client that is still sending cannot read an answer, so a little too much is read and dropped.
_DROPPED_BYTES = 16 * 1024 * 1024
_MOST_ERRORS = 20
_Model = TypeVar("_Model", bound=BaseModel)


async def read_capped(request: Request, most: int) -> bytes:
    """The body. Raises Problem above `most` bytes, declared or not, or when it drips in."""
    declared = request.headers.get("content-length", "")
    too_large = Problem("body_too_large", f"The body may have at most {most:,} bytes.")
    if declared.isdigit() and int(declared) > most + _DROPPED_BYTES:
        raise too_large
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(_ARRIVAL_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= most:
                    body += chunk
                elif size > most + _DROPPED_BYTES:
                    break
    except TimeoutError:
        raise Problem(
            "body_timeout",
            f"The body took more than {_ARRIVAL_SECONDS:.0f} seconds; send it again.",
        ) from None
    if size > most:
        raise too_large
    return bytes(body)


async def json_body(request: Request, model: type[_Model]) -> _Model:
    """The body as `model`. Raises Problem."""
    return validated(model, parse_object(await read_json(request)))


async def read_json(request: Request) -> bytes:
    """The bytes of a JSON body. Raises Problem for another type or more than 1 MB."""
    if not is_json(request.headers.get("content-type")):
        raise Problem(
            "unsupported_media_type",
            "Send JSON, with the header `Content-Type: application/json`.",
        )
    return await read_capped(request, MOST_JSON_BYTES)


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type header says JSON."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type == "application/json"


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Problem."""
    try:
        found = json.loads(
            body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates
        )
    except UnicodeDecodeError:
        raise Problem("malformed_json", "The body is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        if not body.strip():
            raise Problem("malformed_json", "The body is empty; send a JSON object.") from None
        raise Problem(
            "malformed_json",
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem("malformed_json", f"The body is not usable JSON: {error}.") from None
    _count_values(found)
    errors = _unstorable(found, "#", 1)
    if errors:
        raise Problem("invalid_request", errors[0]["detail"], errors=errors[:_MOST_ERRORS])
    if not isinstance(found, dict):
        raise Problem(
            "invalid_request",
            "The body must be a JSON object, for example {}.",
            errors=[{"pointer": "#", "detail": "A JSON object is expected here."}],
        )
    return found


def validated(model: type[_Model], data: Mapping[str, Any]) -> _Model:
    """The data as `model`. Raises Problem with a sentence and a JSON pointer for each error."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        known = {f.alias or name: f.description for name, f in model.model_fields.items()}
        found = error.errors(include_url=False, include_input=False)
        errors = [
            {"pointer": pointer(one["loc"]), "detail": _sentence(one, known)}
            for one in found[:_MOST_ERRORS]
        ]
        raise Problem("invalid_request", errors[0]["detail"], errors=errors) from None


def pointer(path: tuple[str | int, ...]) -> str:
    """A JSON pointer in URI fragment form, `#/refUrls/3`."""
    return "#" + "".join(
        f"/{str(part)[:100].replace('~', '~0').replace('/', '~1')}" for part in path
    )


def documented_body(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads `model` itself."""
    schema = model.model_json_schema(by_alias=True)
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _sentence(error: ErrorDetails, known: Mapping[str, str | None]) -> str:
    where = str(error["loc"][0]) if error["loc"] else "the body"
    match error["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(where[:80], known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            return f"There is no field {where[:80]}; {hint}"
        case "missing":
            return f"{where} is missing: {known.get(where) or 'it is needed.'}"
        case _:
            return error["msg"]


def _count_values(whole: object) -> None:
    """Raises Problem for more than MOST_VALUES values, at whatever depth."""
    waiting, count = [whole], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            count += len(value)
            if count > MOST_VALUES:
                raise Problem(
                    "invalid_request", f"The body may have at most {MOST_VALUES:,} values in all."
                )
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _unstorable(value: object, where: str, depth: int) -> list[dict[str, str]]:
    """Text that PostgreSQL cannot hold, in keys and values. Raises Problem when too deep."""
    if isinstance(value, str):
        complaint = _complaint(value)
        return [{"pointer": where, "detail": complaint}] if complaint else []
    if isinstance(value, (dict, list)) and depth > DEEPEST_JSON:
        raise _too_deep()
    errors = []
    if isinstance(value, dict):
        for key, one in value.items():
            complaint = _complaint(key)
            if complaint:
                errors.append({"pointer": where, "detail": complaint})
            else:
                errors += _unstorable(one, where + pointer((key,))[1:], depth + 1)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            errors += _unstorable(one, f"{where}/{number}", depth + 1)
    return errors


def _complaint(text: str) -> str | None:
    if "\x00" in text:
        return "The text contains a NUL character (\\u0000); remove it."
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "The text contains half of a surrogate pair, which is not a character; remove it."
    return None


def _too_deep() -> Problem:
    return Problem("malformed_json", f"The JSON is nested deeper than {DEEPEST_JSON} levels.")


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field appears twice in one object")
    return found
