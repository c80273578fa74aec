"""The pages for people: the studio, the dashboard, and the components they are made of."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from prompt_queue.web.assets import address, below

router = APIRouter(include_in_schema=False)
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What pages say of the server: who is let in, and what only stands in for a provider."""

    version: str
    demo_mode: bool
    no_login: bool
    stand_in: bool
    picture_stand_in: bool
    makes_pictures: bool
    base_url: str
    samples: tuple[str, ...]
    upload_max_bytes: int


@router.get("/")
async def studio(request: Request) -> Response:
    """Pictures in, prompt and picture out."""
    return _page(request, "studio.html")


@router.get("/ops")
@router.get("/ops/{view:path}")
async def dashboard(request: Request, view: str = "") -> Response:
    """For the operator; the address after /ops says which view."""
    return _page(request, "ops.html", view=view)


@router.get("/design")
async def design(request: Request) -> Response:
    """Every component in every state, in the demo only."""
    facts: PageFacts = request.app.state.page_facts
    if not facts.demo_mode:
        raise HTTPException(404)
    return _page(request, "design.html")


def _page(request: Request, template: str, **values: Any) -> Response:
    facts: PageFacts = request.app.state.page_facts
    text = _environment().get_template(template).render(facts=facts, **values)
    return Response(text, media_type="text/html", headers=_HEADERS)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("prompt_queue.web"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = address
    environment.globals["modules_below"] = below
    return environment
