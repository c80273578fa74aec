"""Pictures in and out: uploads, their signed links, and the packaged samples."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from prompt_queue.api.auth import Enqueuer, PartsOf
from prompt_queue.api.bodies import read_capped
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.schemas import Uploaded
from prompt_queue.api.views import answer
from prompt_queue.guards.images import PictureRefused, inspect_picture, sniff
from prompt_queue.guards.recognition import FILES_PATH
from prompt_queue.guards.signing import LinkInvalid
from prompt_queue.storage.local import PictureMissing, media_type_of

router = APIRouter(tags=["pictures"])
_PICTURE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
_BYTES: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The picture.", "content": dict.fromkeys(_PICTURE_TYPES, _BYTES)}
}
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file, as they are.",
        "content": dict.fromkeys(_PICTURE_TYPES, _BYTES),
    }
}
_NO_LINK = ("picture_not_found", "link_expired", "misdirected_host", "database_unavailable")
Token = Annotated[str, Path(description="The signed part of an upload's link.")]


@router.post(
    "/api/uploads",
    summary="Upload a picture",
    status_code=201,
    response_model=Uploaded,
    responses=documented(
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "cross_origin",
        "body_timeout",
        "body_too_large",
        "unsupported_media_type",
        "misdirected_host",
        "picture_refused",
        "database_unavailable",
    ),
    openapi_extra=_UPLOAD,
)
async def upload(request: Request, parts: PartsOf, _caller: Enqueuer) -> Response:
    """Send the raw bytes of a JPEG, PNG or WebP; the type is read from them, not from headers."""
    declared = request.headers.get("content-type", "")
    if declared.lower().startswith("multipart/"):
        raise Problem(
            "unsupported_media_type",
            "Send the bytes of the file as the body, not a form; with curl: "
            "--data-binary @photo.jpg.",
        )
    data = await read_capped(request, parts.upload_max_bytes)
    if not data:
        raise Problem("picture_refused", "The body is empty; send the bytes of a picture.")
    try:
        sniff(data)
    except PictureRefused as error:
        raise Problem("unsupported_media_type", str(error)) from None
    try:
        facts = await asyncio.to_thread(inspect_picture, data)
    except PictureRefused as error:
        raise Problem("picture_refused", str(error)) from None
    name = await asyncio.to_thread(parts.pictures.save, data, facts.media_type)
    expires_at = int(await parts.clock.now()) + parts.upload_link_seconds
    url = parts.base_url + FILES_PATH + parts.link_signer.sign(name, expires_at)
    body = Uploaded(
        url=url,
        media_type=facts.media_type,
        bytes=len(data),
        width=facts.width,
        height=facts.height,
        expires_at=datetime.fromtimestamp(expires_at, UTC),
    )
    return answer(body, 201, {"Location": url})


@router.get(
    "/files/{token}",
    summary="Fetch an uploaded picture",
    response_class=Response,
    responses=_PICTURE | documented(*_NO_LINK),
)
async def read_file(token: Token, parts: PartsOf) -> Response:
    """Whoever has the link may see the picture, until the link expires."""
    try:
        link = parts.link_signer.verify(token)
        if link.expired(await parts.clock.now()):
            raise Problem("link_expired", "The link has expired; upload the picture again.")
        data = await asyncio.to_thread(parts.pictures.read, link.name)
    except (LinkInvalid, PictureMissing) as error:
        raise Problem("picture_not_found", str(error)) from None
    return _picture(data, media_type_of(link.name))


@router.head(
    "/files/{token}",
    summary="Check the link of an uploaded picture",
    response_class=Response,
    responses={200: {"description": "The link is good."}, **documented(*_NO_LINK)},
)
async def check_file(token: Token, parts: PartsOf) -> Response:
    """The headers of the GET."""
    return await read_file(token, parts)


@router.get(
    "/samples/{name}",
    summary="Fetch a packaged photograph",
    response_class=Response,
    responses=_PICTURE | documented("picture_not_found", "misdirected_host"),
)
async def read_sample(
    name: Annotated[str, Path(examples=["astronaut.jpg"])], parts: PartsOf
) -> Response:
    """Photographs for a first try; see `GET /samples/nothing` for their names."""
    try:
        data = await asyncio.to_thread(parts.read_sample, name)
    except PictureMissing as error:
        raise Problem("picture_not_found", str(error)) from None
    return _picture(data, "image/jpeg")


def _picture(data: bytes, media_type: str) -> Response:
    headers = {
        "Content-Disposition": "inline",
        "Cache-Control": "private, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        # Pages of other sites show what their users uploaded; who has the link may see it.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return Response(data, media_type=media_type, headers=headers)
