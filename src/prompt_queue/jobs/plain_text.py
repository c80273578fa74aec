"""Names that others give to things, as they can be stored, logged and put into an address. Pure."""

from typing import Final

LONGEST_NAME: Final = 200


def plain_name(found: object) -> str | None:
    """A name of at most 200 characters; None for what is no text, or empty.

    Characters that cannot be shown are left out: PostgreSQL takes no NUL, UTF-8 no half of a
    surrogate pair, and JSON can spell both.
    """
    if not isinstance(found, str):
        return None
    return "".join(filter(str.isprintable, found[:LONGEST_NAME])) or None
