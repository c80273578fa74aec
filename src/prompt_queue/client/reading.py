"""JSON to frozen dataclasses, by their annotations; what a class does not know is left alone."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class Unreadable(ValueError):
    """The JSON is not what was asked for; the message names the field."""


def read(kind: type[T], found: object) -> T:
    """An object of JSON as `kind`. Raises Unreadable if a field that is needed is not there.

    A field `row_id` is read from `rowId`; a field `raw` is the whole object. Fields that `kind`
    does not have are kept in `raw` alone, so newer servers do no harm.
    """
    if not isinstance(found, Mapping):
        raise Unreadable(f"{kind.__name__} is not an object")
    plain: Any = kind
    known = _types(plain)
    values: dict[str, Any] = {"raw": found} if "raw" in known else {}
    for name, (key, expected) in known.items():
        if key in found and name != "raw":
            values[name] = _value(expected, found[key], key)
    try:
        return kind(**values)
    except TypeError:
        missing = ", ".join(key for key, _ in known.values() if key not in found)
        raise Unreadable(f"{kind.__name__} without {missing}") from None


@cache
def _types(kind: Any) -> Mapping[str, tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    return {field.name: (_camel(field.name), hints[field.name]) for field in fields(kind)}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _value(expected: Any, found: Any, key: str) -> Any:
    if found is None:
        return None
    origin, inside = typing.get_origin(expected), typing.get_args(expected)
    if origin in {typing.Union, types.UnionType}:
        (kind,) = (one for one in inside if one is not type(None))
        return _value(kind, found, key)
    if origin is tuple:
        if not isinstance(found, list):
            raise Unreadable(f"{key} is not a list")
        return tuple(_value(inside[0], one, key) for one in found)
    if expected is datetime:
        try:
            return datetime.fromisoformat(found)
        except (TypeError, ValueError):
            raise Unreadable(f"{key} is not a time") from None
    if isinstance(expected, type) and is_dataclass(expected):
        return read(expected, found)
    return found
