"""xAI's error replies as data: status, code and wording."""

from http import HTTPStatus
from typing import Any, Literal

Envelope = Literal["flat", "nested"]

TEAM_ID = "00000000-0000-4000-a000-0000000000aa"
API_KEY_ID = "00000000-0000-4000-a000-0000000000bb"
PRECONDITION_CODE = "The system is not in a state required for the operation's execution"
UNAVAILABLE = "The service is currently unavailable"
NO_PICTURE = "Downloaded response does not contain a valid JPG or PNG image."


class ApiError(Exception):
    """A request that is answered with an error; says with which status, code and sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self, envelope: Envelope = "flat") -> dict[str, Any]:
        """The JSON body, in one of the two shapes that xAI uses."""
        if envelope == "flat":
            return {"code": self.code, "error": self.message}
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}


def masked(key: str) -> str:
    """The key with everything hidden but its ends."""
    return f"{key[:2]}***{key[-2:]}" if len(key) >= 8 else "***"


def invalid_argument(message: str) -> ApiError:
    """400 for a value that the endpoint does not take."""
    return ApiError(400, "invalid-argument", message)


def wrong_shape(message: str) -> ApiError:
    """422 for a field of the wrong type."""
    return ApiError(
        422,
        "invalid-argument",
        f"Failed to deserialize the JSON body into the target type: {message}",
    )


def missing_authorization() -> ApiError:
    """401 for an absent or malformed Authorization header."""
    return ApiError(
        401,
        "unauthenticated",
        "No API key provided. Send it in the Authorization header as 'Bearer <key>'.",
    )


def wrong_key(key: str) -> ApiError:
    """400, as xAI answers a key that it does not know."""
    return invalid_argument(
        f"Incorrect API key provided: {masked(key)}. "
        "You can obtain an API key from https://console.x.ai."
    )


def unknown_route(path: str) -> ApiError:
    """404 for a path without a handler."""
    return ApiError(404, "not-found", f"No handler found on route {path}")


def wrong_method(method: str, path: str) -> ApiError:
    """405 for a known path with another method."""
    return ApiError(405, "unimplemented", f"Method {method} is not allowed on route {path}")


def not_json() -> ApiError:
    """415 for an empty body or a content type that is not JSON."""
    return ApiError(
        415, "invalid-argument", "Expected request with `Content-Type: application/json`"
    )


def body_too_large() -> ApiError:
    """413 for a request body above the limit."""
    return ApiError(413, "invalid-argument", "Request body is too large.")


def model_not_found(name: str, status: int = 400) -> ApiError:
    """An unknown or retired model; seen with 400, 404 and 500."""
    if status == 404:
        return ApiError(
            404,
            "not-found",
            f"The model {name} does not exist or your team {TEAM_ID} does not have access to it.",
        )
    if status >= 500:
        return ApiError(
            status, "internal", f"The model {name} is fully deprecated and no longer available."
        )
    return ApiError(status, "invalid-argument", f"Model not found: {name}")


def prompt_too_long(limit: int, tokens: int) -> ApiError:
    """400 for more prompt tokens than the model's context holds."""
    return invalid_argument(
        f"This model's maximum prompt length is {limit} but the request contains {tokens} tokens."
    )


def plain_http_image() -> ApiError:
    """400 for an image URL that is not https."""
    return ApiError(400, "invalid_argument", "Fetching images over plain http:// is not supported.")


def unfetchable_url(reason: str) -> ApiError:
    """400 for an image URL that is not fetched at all."""
    return ApiError(400, "invalid_argument", f"Invalid image URL: {reason}")


def fetch_status(status: int) -> ApiError:
    """412 for an image URL whose server answered anything but 200."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return ApiError(
        412, PRECONDITION_CODE, f"Fetching image failed with HTTP status {status} {phrase}"
    )


def fetch_failed(reason: str) -> ApiError:
    """412 for an image URL that gave no answer."""
    return ApiError(412, PRECONDITION_CODE, f"Fetching image failed: {reason}")


def downloaded_no_picture() -> ApiError:
    """412 for a download that is not a readable picture."""
    return ApiError(412, PRECONDITION_CODE, NO_PICTURE)


def undecodable_base64() -> ApiError:
    """400 for an inline picture whose base64 text is broken."""
    return ApiError(400, "invalid_image", "Base64 string of provided image cannot be decoded.")


def invalid_picture(kind: str) -> ApiError:
    """400 for an inline picture whose bytes cannot be read; ``kind`` is a format's name."""
    return ApiError(400, "invalid_image", f"Invalid {kind} image.")


def unsupported_content_type(content_type: str) -> ApiError:
    """400 for an inline picture that names a format that is not taken."""
    return ApiError(400, "invalid_image", f"Unsupported content-type: {content_type}")


def picture_out_of_bounds(reason: str) -> ApiError:
    """400 for a picture with too few or too many bytes or pixels."""
    return ApiError(400, "invalid_image", f"Invalid image: {reason}")


def out_of_credits() -> ApiError:
    """403 for a team without money."""
    return ApiError(
        403,
        "permission-denied",
        f"Your team {TEAM_ID} has either used all available credits or reached its monthly "
        "spending limit. To continue making API requests, please purchase more credits or raise "
        "your spending limit.",
    )


def safety_violation(model: str) -> ApiError:
    """403 for content that violates the usage guidelines."""
    return ApiError(
        403,
        "permission-denied",
        f"Content violates usage guidelines. Team: {TEAM_ID}, API key ID: {API_KEY_ID}, "
        f"Model: {model}, Failed check: SAFETY_CHECK_TYPE_GENERAL",
    )


def rate_limited(model: str, variant: str) -> ApiError:
    """429 in one of three wordings: ``requests``, ``tokens`` or ``capacity``."""
    texts = {
        "requests": (
            f"Too many requests for team {TEAM_ID} and model {model}. Your team's rate limit is "
            "2 Requests per Second. Requests per Second (actual/limit): 2/2."
        ),
        "tokens": (
            f"Too many tokens for team {TEAM_ID} and model {model}. "
            "Tokens per Minute (actual/limit): 65605/16000."
        ),
        "capacity": f"The model {model} is temporarily at capacity. Please try again later.",
    }
    return ApiError(429, "resource-exhausted", texts[variant])


def unavailable(status: int = 503) -> ApiError:
    """A server-side failure."""
    return ApiError(status, UNAVAILABLE, f"{UNAVAILABLE}. Please try again later.")


def default_for_status(status: int, model: str) -> ApiError:
    """What xAI says with this status, for a scripted fault that brings no body of its own."""
    known = {
        401: missing_authorization(),
        403: out_of_credits(),
        404: model_not_found(model, 404),
        413: body_too_large(),
        429: rate_limited(model, "requests"),
    }
    if status in known:
        return known[status]
    if status >= 500:
        return unavailable(status)
    return ApiError(status, "invalid-argument", "Invalid request content.")
