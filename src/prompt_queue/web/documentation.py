"""The documentation of the HTTP API, with local assets only."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)
_OURS: Final = files("prompt_queue") / "web" / "static"
_SWAGGER: Final = files("fastapi_offline") / "static"
_ASSETS: Final = {
    "docs.js": (_OURS, "text/javascript"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript"),
    "swagger-ui.css": (_SWAGGER, "text/css"),
    "favicon.png": (_SWAGGER, "image/png"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@router.get("/docs")
async def docs() -> Response:
    """The routes, to read and to try."""
    return Response(
        (_OURS / "docs.html").read_bytes(),
        media_type="text/html",
        headers={
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )


@router.get("/docs/assets/{name}")
async def asset(name: str) -> Response:
    """A file that the page needs. 404 for any other."""
    if name not in _ASSETS:
        raise HTTPException(404)
    return Response(
        _read(name), media_type=_ASSETS[name][1], headers={"Cache-Control": "max-age=3600"}
    )


@cache
def _read(name: str) -> bytes:
    return (_ASSETS[name][0] / name).read_bytes()
