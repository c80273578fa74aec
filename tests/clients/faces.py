"""The three faces of the client behind one, so that each behaviour is tested on all of them."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from prompt_queue.client import AsyncPromptQueue, Patience, PromptQueue, PromptQueueError, Update
from prompt_queue.client.models import Record

MODULE = Path(__file__).parents[2] / "src/prompt_queue/web/static/prompt-queue.js"
RUNNER = Path(__file__).parent / "run.mjs"
QUICK = {"first_pause": 0.05, "longest_pause": 0.2, "attempt": 20.0, "total": 60.0}


class Said(Exception):
    """What a client raised, whatever its language."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(facts["name"], facts["message"])
        self.name = facts["name"]
        self.message = facts["message"]
        self.facts = facts


def _plain(found: Any) -> Any:
    if isinstance(found, Update):
        return {
            "kind": found.kind, "eventId": found.event_id, "data": found.data, "via": found.via,
            "isFinal": found.is_final,
            "job": {**found.job.raw, "partialPrompt": found.job.partial_prompt},
        }  # fmt: skip
    return found.raw if isinstance(found, Record) else found


def _said(error: PromptQueueError) -> Said:
    names = ("code", "status", "retryable", "request_id", "errors", "sent", "job")
    facts = {_camel(name): _plain(getattr(error, name, None)) for name in names}
    facts["errors"] = list(facts["errors"] or [])
    return Said(facts | {"name": type(error).__name__, "message": str(error)})


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _start(queue: Any, operation: str, given: dict[str, Any]) -> Any:
    """The call, on either of the Python faces."""
    holder, _, name = operation.rpartition(".")
    method = getattr(getattr(queue, holder) if holder else queue, name)
    positional = [given.pop(one) for one in ("id", "text", "path") if one in given]
    return method(*positional, **given)


@dataclass
class Face:
    """One of the clients. `patience` is in seconds."""

    base_url: str = ""
    token: str | None = None
    tokens: Sequence[str] = ()
    act_for: str | None = None
    patience: dict[str, float] = field(default_factory=dict)

    async def do(self, operation: str, **given: Any) -> Any:
        """What a call answers as the server's JSON; lists for iterators. Raises Said.

        `take`: an iterator is left after so many.
        """
        raise NotImplementedError

    @property
    def _patience(self) -> dict[str, float]:
        return QUICK | self.patience

    def _token(self) -> str | Callable[[], str] | None:
        left = iter(self.tokens)
        return (lambda: next(left)) if self.tokens else self.token


class Blocking(Face):
    """PromptQueue, in a thread of its own."""

    async def do(self, operation: str, **given: Any) -> Any:
        return await asyncio.to_thread(self._do, operation, given)

    def _do(self, operation: str, given: dict[str, Any]) -> Any:
        patience, most = Patience(**self._patience), given.pop("take", None)
        with PromptQueue(
            self.base_url, self._token(), patience=patience, act_for=self.act_for
        ) as queue:
            try:
                found = _start(queue, operation, given)
                if isinstance(found, Iterator):
                    with closing(found):  # type: ignore[type-var]
                        return [_plain(item) for item in islice(found, most)]
                return _plain(found)
            except PromptQueueError as error:
                raise _said(error) from error


class Looping(Face):
    """AsyncPromptQueue."""

    async def do(self, operation: str, **given: Any) -> Any:
        patience, most = Patience(**self._patience), given.pop("take", None)
        async with AsyncPromptQueue(
            self.base_url, self._token(), patience=patience, act_for=self.act_for
        ) as queue:
            try:
                found = _start(queue, operation, given)
                if isinstance(found, AsyncIterator):
                    items: list[Any] = []
                    async with aclosing(found):  # type: ignore[type-var]
                        while len(items) != most:
                            try:
                                items.append(_plain(await anext(found)))
                            except StopAsyncIteration:
                                break
                    return items
                return _plain(await found)
            except PromptQueueError as error:
                raise _said(error) from error


@dataclass
class JavaScript(Face):
    """prompt-queue.js in Node, which wants modules to be called .mjs."""

    folder: Path = Path()

    async def do(self, operation: str, **given: Any) -> Any:
        module = self.folder / "prompt-queue.mjs"
        shutil.copyfile(MODULE, module)
        if "timeout" in given:
            given["timeout"] *= 1000
        if "page_size" in given:
            given["limit"] = given.pop("page_size")
        task = {
            "module": str(module),
            "client": {
                "baseUrl": self.base_url,
                "token": self.token,
                "tokens": list(self.tokens) or None,
                "actFor": self.act_for,
                "patience": {_camel(k): v * 1000 for k, v in self._patience.items()},
            },
            "operation": operation,
            "take": given.pop("take", None),
            "given": {_camel(name): value for name, value in given.items()},
        }
        said = json.loads(await node(str(RUNNER), said=json.dumps(task)))
        if "error" in said:
            raise Said(said["error"])
        return said.get("result")


async def node(*arguments: str, said: str = "") -> str:
    """What a program prints. Raises AssertionError with its complaints if it fails."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "--no-warnings",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, complaints = await process.communicate(said.encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complaints.decode()
    return printed.decode()
