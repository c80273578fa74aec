"""Whether the pictures of a request can be used, before the request is accepted."""

from collections.abc import Sequence
from uuid import UUID

from prompt_queue.api.bodies import pointer
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import Problem
from prompt_queue.guards.recognition import OwnPicture, SamplePicture, classify
from prompt_queue.guards.urls import UrlRefused

Place = tuple[str | int, ...]


async def check_pictures(
    parts: Parts, user_id: UUID, target_url: str | None, ref_urls: Sequence[str]
) -> None:
    """Raises Problem with a sentence and a pointer for each address that can never work."""
    named: list[tuple[Place, str]] = [(("refUrls", n), url) for n, url in enumerate(ref_urls)]
    if target_url is not None:
        named.insert(0, (("targetUrl",), target_url))
    errors = []
    for place, url in named:
        complaint = await _complaint(parts, user_id, url)
        if complaint:
            errors.append({"pointer": pointer(place), "detail": complaint})
    if errors:
        name = errors[0]["pointer"].removeprefix("#/").replace("/", " ")
        raise Problem("invalid_request", f"{name}: {errors[0]['detail']}", errors=errors)


async def _complaint(parts: Parts, user_id: UUID, url: str) -> str | None:
    try:
        kind = classify(url, user_id, parts.recognition)
    except UrlRefused as error:
        return str(error)
    if isinstance(kind, OwnPicture) and await parts.clock.now() >= kind.expires_at:
        return "The link has expired; upload the picture again."
    if isinstance(kind, SamplePicture) and kind.name not in parts.sample_names():
        return f"There is no such sample; there are {', '.join(parts.sample_names())}."
    return None
