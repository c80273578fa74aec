"""The files that pages and browsers load: styles, modules, the icon."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)
_FOLDER: Final = files("prompt_queue") / "web" / "static"
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_EACH_TIME: Final = "public, no-cache"
# Code that anybody may read; pages of other origins load the button and the client from here.
_PUBLIC: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True)
class Asset:
    """One file, as it is sent."""

    content: bytes
    media_type: str

    @cached_property
    def zipped(self) -> bytes:
        """The content for whoever takes gzip, the same bytes each time."""
        return gzip.compress(self.content, mtime=0)

    @property
    def tag(self) -> str:
        """Its strong entity tag."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@cache
def assets() -> dict[str, Asset]:
    """Every file below the folder, by its path."""
    return dict(sorted(_walk(_FOLDER, PurePosixPath())))


@cache
def version() -> str:
    """Changes whenever any of the files does, so that addresses with it may be kept for ever."""
    everything = hashlib.sha256()
    for path, asset in assets().items():
        everything.update(f"{path}\n{asset.tag}\n".encode())
    return everything.hexdigest()[:12]


def below(folder: str) -> list[str]:
    """The modules of a folder, which a page may ask for at once instead of one after the other."""
    return [path for path in assets() if path.startswith(f"{folder}/") and path.endswith(".js")]


def address(path: str) -> str:
    """Where a page finds a file. Raises KeyError for one that is not there."""
    assets()[path]
    return f"/static/{version()}/{path}"


@router.get("/static/{edition}/{path:path}")
async def versioned(request: Request, edition: str, path: str) -> Response:
    """A file under an address that changes with the files; an old address gets the new file."""
    return _send(request, path, _FOR_EVER if edition == version() else _ASK_EACH_TIME)


@router.get("/prompt-queue.js")
async def client(request: Request) -> Response:
    """The client as a module; browsers ask each time whether it has changed."""
    return _send(request, "prompt-queue.js", _ASK_EACH_TIME)


@router.get("/prompt-queue-generate.js")
async def button() -> Response:
    """The button as a module. It has parts, which are found from where this leads to."""
    place = f"static/{version()}/prompt-queue-generate.js"
    # Relative, so that it holds behind a proxy that puts the server under a path.
    headers = {"Location": place, "Cache-Control": _ASK_EACH_TIME} | _PUBLIC
    return Response(status_code=307, headers=headers)


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """The icon, where browsers look for it unasked."""
    return _send(request, "icon.svg", _ASK_EACH_TIME)


def _send(request: Request, path: str, caching: str) -> Response:
    found = assets().get(path)
    if found is None:
        raise HTTPException(404)
    zips = takes_gzip(request.headers.get("accept-encoding", ""))
    tag = f'{found.tag[:-1]}-gzip"' if zips else found.tag
    headers = {"Cache-Control": caching, "ETag": tag, "Vary": "Accept-Encoding"} | _PUBLIC
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if zips:
        headers["Content-Encoding"] = "gzip"
    content = found.zipped if zips else found.content
    return Response(content, media_type=found.media_type, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip and does not give it the weight 0."""
    for one in accepted.lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or weight == ""
    return False


def _walk(folder: Traversable, path: PurePosixPath) -> list[tuple[str, Asset]]:
    found = []
    for entry in folder.iterdir():
        below = path / entry.name
        if entry.is_dir():
            found += _walk(entry, below)
        elif below.suffix in _TYPES:
            found.append((str(below), Asset(entry.read_bytes(), _TYPES[below.suffix])))
    return found
