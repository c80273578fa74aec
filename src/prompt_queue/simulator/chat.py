"""Validation of a chat request: JSON in, a `ChatRequest` out, or xAI's error. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompt_queue.simulator import errors
from prompt_queue.simulator.catalogue import Model, find_model
from prompt_queue.simulator.fields import Sampling, check_sampling, check_unsupported, optional_text

ROLES = ("system", "user", "assistant", "tool", "function")
DETAILS = ("auto", "low", "high")


@dataclass(frozen=True)
class ImageSource:
    """One image of a request: an https address or a data URI, and the detail asked for."""

    url: str
    detail: str


@dataclass(frozen=True)
class ChatRequest:
    """A chat request that passed validation; images in the order in which they came."""

    model: Model
    effort: str
    texts: tuple[str, ...]
    images: tuple[ImageSource, ...]
    prefix: str
    sampling: Sampling


def named_model(payload: Any) -> str | None:
    """The model that a request names, before anything else about it is checked."""
    name = payload.get("model") if isinstance(payload, Mapping) else None
    return name if isinstance(name, str) else None


def named_user(payload: Any) -> str | None:
    """The ``user`` that a request names, before anything else about it is checked."""
    user = payload.get("user") if isinstance(payload, Mapping) else None
    return user if isinstance(user, str) else None


def _model_of(payload: Mapping[str, Any]) -> Model:
    if payload.get("model") is None:
        raise errors.wrong_shape("missing field `model`")
    name = payload["model"]
    if not isinstance(name, str):
        raise errors.wrong_shape("model: expected a string")
    model = find_model(name)
    if model is None:
        raise errors.model_not_found(name)
    return model


def _effort_of(payload: Mapping[str, Any], model: Model) -> str:
    effort = optional_text(payload, "reasoning_effort")
    if effort is None:
        return model.default_effort
    if effort not in model.efforts:
        raise errors.invalid_argument(
            f"Model {model.name} does not support reasoning_effort {effort!r}; "
            f"supported: {', '.join(model.efforts)}."
        )
    return effort


def _image_of(part: Mapping[str, Any], where: str) -> ImageSource:
    image = part.get("image_url")
    if not isinstance(image, Mapping):
        raise errors.wrong_shape(f"{where}.image_url: expected an object with `url`")
    if image.get("url") is None and isinstance(image.get("file_id"), str):
        raise errors.ApiError(404, "not-found", f"File {image['file_id']} was not found.")
    url, detail = image.get("url"), image.get("detail") or "auto"
    if not isinstance(url, str):
        raise errors.wrong_shape(f"{where}.image_url.url: expected a string")
    if detail not in DETAILS:
        raise errors.wrong_shape(f"{where}.image_url.detail: expected auto, low or high")
    return ImageSource(url, detail)


def _read_parts(
    parts: Sequence[Any], where: str, texts: list[str], images: list[ImageSource]
) -> None:
    for index, part in enumerate(parts):
        here = f"{where}[{index}]"
        if not isinstance(part, Mapping):
            raise errors.wrong_shape(f"{here}: expected an object")
        match part.get("type"):
            case "text":
                if not isinstance(part.get("text"), str):
                    raise errors.wrong_shape(f"{here}.text: expected a string")
                texts.append(part["text"])
            case "image_url":
                images.append(_image_of(part, here))
            case "file":
                raise errors.ApiError(404, "not-found", f"{here}: the file was not found.")
            case other:
                raise errors.wrong_shape(f"{here}.type: unknown variant `{other}`")


def _read_messages(payload: Mapping[str, Any]) -> tuple[list[str], list[ImageSource], str]:
    messages = payload.get("messages")
    if not isinstance(messages, list):
        raise errors.wrong_shape("messages: expected an array")
    if not messages:
        raise errors.invalid_argument("Messages must not be empty.")
    texts: list[str] = []
    images: list[ImageSource] = []
    texts_before_images = 0
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise errors.wrong_shape(f"{where}: expected an object")
        if message.get("role") not in ROLES:
            raise errors.wrong_shape(f"{where}.role: unknown variant `{message.get('role')}`")
        content = message.get("content")
        if content is None and message.get("tool_calls"):
            continue
        if content is None or content in ("", []):
            raise errors.invalid_argument("Each message must have at least one content element.")
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            _read_parts(content, f"{where}.content", texts, images)
        else:
            raise errors.wrong_shape(f"{where}.content: expected a string or an array")
        if not images:
            texts_before_images = len(texts)
    return texts, images, "\n".join(texts[:texts_before_images])


def parse_chat(payload: Any) -> ChatRequest:
    """Check a decoded request body.

    Raises `errors.ApiError` with the reply that xAI gives.
    """
    if not isinstance(payload, Mapping):
        raise errors.wrong_shape("expected an object")
    model = _model_of(payload)
    check_unsupported(payload, model)
    sampling = check_sampling(payload)
    effort = _effort_of(payload, model)
    texts, images, prefix = _read_messages(payload)
    return ChatRequest(
        model=model,
        effort=effort,
        texts=tuple(texts),
        images=tuple(images),
        prefix=prefix,
        sampling=sampling,
    )
