"""Pictures and request bodies for tests of the stand-in."""

import asyncio
import base64
import io
import time
from collections.abc import Awaitable, Callable
from typing import Any

from PIL import Image

Rgb = tuple[int, int, int]
Ask = Callable[..., Awaitable[tuple[int, Any]]]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture's file in this format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(colour: Rgb, size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", size, colour), kind)


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """The bytes as an inline picture."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def chat_body(*urls: str, **fields: Any) -> dict[str, Any]:
    """A chat request with these images; a field of None is left out."""
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "Write an edit prompt."}, *images]
    body = {"model": "grok-4.7", "messages": [{"role": "user", "content": content}], **fields}
    return {name: value for name, value in body.items() if value is not None}


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the condition's first true value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = await asyncio.to_thread(condition)
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("the condition did not come true in time")
