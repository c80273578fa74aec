"""The HTTP application: routes, xAI's error shapes for what has no route, the stand-in's label."""

from typing import Any

from aiohttp import web

from prompt_queue.simulator import admin, catalogue, errors
from prompt_queue.simulator.auth import authorise
from prompt_queue.simulator.completions import Completions
from prompt_queue.simulator.pictures import Pictures
from prompt_queue.simulator.replies import error_reply
from prompt_queue.simulator.state import STATE, State

MAX_BODY_BYTES = 50 * 1024 * 1024
LABEL = {"X-Stand-In": "prompt-queue"}


def _error_response(request: web.Request, error: errors.ApiError) -> web.Response:
    reply = error_reply(error, request.app[STATE].settings.envelope)
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)


@web.middleware
async def _errors_as_xai(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except errors.ApiError as error:
        return _error_response(request, error)
    except web.HTTPNotFound:
        return _error_response(request, errors.unknown_route(request.path))
    except web.HTTPMethodNotAllowed as refused:
        answer = _error_response(request, errors.wrong_method(request.method, request.path))
        answer.headers["Allow"] = refused.headers["Allow"]
        return answer
    return response


async def _label(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(LABEL)


def _known_model(request: web.Request) -> catalogue.Model:
    authorise(request.headers, request.app[STATE].api_key)
    name = request.match_info["model"]
    model = catalogue.find_model(name)
    if model is None:
        raise errors.model_not_found(name, 404)
    return model


async def _models(request: web.Request) -> web.Response:
    authorise(request.headers, request.app[STATE].api_key)
    entries = [catalogue.as_openai_entry(model) for model in catalogue.MODELS]
    return web.json_response({"object": "list", "data": entries})


async def _model(request: web.Request) -> web.Response:
    return web.json_response(catalogue.as_openai_entry(_known_model(request)))


async def _language_models(request: web.Request) -> web.Response:
    authorise(request.headers, request.app[STATE].api_key)
    entries = [catalogue.as_language_model_entry(model) for model in catalogue.MODELS]
    return web.json_response({"models": entries})


async def _language_model(request: web.Request) -> web.Response:
    return web.json_response(catalogue.as_language_model_entry(_known_model(request)))


async def _api_key(request: web.Request) -> web.Response:
    key = request.app[STATE].api_key
    authorise(request.headers, key)
    return web.json_response(
        {
            "redacted_api_key": errors.masked(key),
            "user_id": errors.TEAM_ID,
            "name": "stand-in",
            "create_time": "2026-01-01T00:00:00Z",
            "modify_time": "2026-01-01T00:00:00Z",
            "modified_by": errors.TEAM_ID,
            "team_id": errors.TEAM_ID,
            "acls": ["api-key:model:*", "api-key:endpoint:*"],
            "api_key_id": errors.API_KEY_ID,
            "team_blocked": False,
            "api_key_blocked": False,
            "api_key_disabled": False,
        }
    )


async def _health(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "standIn": True,
            "playsFor": "xAI",
            "note": "Answers are made up by a local program, not by Grok.",
        }
    )


def build_app(state: State, pictures: Pictures) -> web.Application:
    """Put the application together; closes ``pictures`` when it ends."""
    app = web.Application(
        middlewares=[_errors_as_xai, admin.guard_admin], client_max_size=MAX_BODY_BYTES
    )
    app[STATE] = state
    app.on_response_prepare.append(_label)

    async def close_pictures(_: web.Application) -> None:
        await pictures.close()

    app.on_cleanup.append(close_pictures)
    app.add_routes(
        [
            web.post("/v1/chat/completions", Completions(state, pictures).handle),
            web.get("/v1/models", _models),
            web.get("/v1/models/{model}", _model),
            web.get("/v1/language-models", _language_models),
            web.get("/v1/language-models/{model}", _language_model),
            web.get("/v1/api-key", _api_key),
            web.get("/healthz", _health),
            *admin.ROUTES,
        ]
    )
    return app
