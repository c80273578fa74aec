"""However a stream is cut into chunks, its events are the same."""

import asyncio
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.client.sse import Parser, ServerSentEvent, TooLong
from tests.clients.conftest import node_or_skip
from tests.clients.faces import MODULE, node

LINES = st.one_of(
    st.sampled_from([
        "", "", "", "data: one", "data:two", "data", "data:  spaced", "event: update", "event:",
        "id: 12", "id", "id: a\0b", "retry: 1500", "retry: soon", ": alive", "unknown: x",
        "data: é€😀",
    ]),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12),
)  # fmt: skip


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream as bytes, and the same in chunks."""
    ends = st.sampled_from(["\n", "\r\n", "\r"])
    lines = [line + draw(ends) for line in draw(st.lists(LINES, max_size=15))]
    start, last = draw(st.sampled_from(["", "\ufeff"])), draw(st.sampled_from(["", "data: cut"]))
    whole = (start + "".join(lines) + last).encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(whole)), max_size=8)) | {0, len(whole)})
    return whole, [whole[a:b] for a, b in itertools.pairwise(cuts)]


def by_the_book(whole: bytes) -> list[ServerSentEvent]:
    """The events of a whole stream, the slow and plain way."""
    text = whole.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for block in text.split("\n\n")[:-1] if "\n\n" in text else []:
        event, number, data = "", None, list[str]()
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name == "event":
                event = value
            elif name == "id" and "\0" not in value:
                number = value
        if data:
            found.append(ServerSentEvent(event or "message", "\n".join(data), number))
    return found


@given(cut_streams())
def test_chunks_do_not_matter(stream: tuple[bytes, list[bytes]]) -> None:
    """Any cut gives what the standard says; what has no empty line after it is not told."""
    whole, chunks = stream
    parser = Parser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    assert found == by_the_book(whole)


def test_what_a_reconnection_needs_is_kept() -> None:
    """The last id that came, and the pause that the server asks for."""
    parser = Parser()
    parser.feed(b"retry: 1500\nid: 7\ndata: x\n\ndata: y\n\nretry: soon\n\n")
    assert (parser.last_event_id, parser.retry_ms) == ("7", 1500)


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"x" * 65530 + b"\n"])
def test_an_event_without_an_end_is_refused(piece: bytes) -> None:
    """Memory is bounded, whatever is at the other end."""
    parser = Parser()
    pieces = itertools.repeat(piece, 1000)
    with pytest.raises(TooLong):
        sum(len(parser.feed(one)) for one in pieces)


def test_the_module_reads_what_python_reads(tmp_path: Path) -> None:
    """The same streams in the same chunks, in Node."""
    node_or_skip()
    cases: list[tuple[list[list[int]], list[dict[str, Any]]]] = []

    @given(cut_streams())
    def collect(stream: tuple[bytes, list[bytes]]) -> None:
        events = [{"event": e.event, "data": e.data, "id": e.id} for e in by_the_book(stream[0])]
        cases.append(([list(chunk) for chunk in stream[1]], events))

    collect()
    shutil.copyfile(MODULE, tmp_path / "prompt-queue.mjs")
    script = tmp_path / "read.mjs"
    script.write_text(
        "import { readFileSync } from 'node:fs'\n"
        "import { EventParser } from './prompt-queue.mjs'\n"
        "const read = chunks => { const parser = new EventParser()\n"
        "  return chunks.flatMap(chunk => parser.feed(Uint8Array.from(chunk))) }\n"
        "console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)))\n"
    )
    said = json.dumps([chunks for chunks, _ in cases])
    read = json.loads(asyncio.run(node(str(script), said=said)))
    assert len(read) >= 50
    assert read == [events for _, events in cases]
