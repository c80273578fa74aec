"""What others wrote stays one value of one line, in both forms of the log."""

import ast
import io
import json
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Literal

import pytest

from prompt_queue.telemetry import Event, configure_logging, log, watch_last_words
from tests.output.hostile import HOSTILE

Form = Literal["console", "json"]
SECRETS = ("no-pattern-knows-this-one", "nor-this-one/with+signs")
FORMS: tuple[Form, ...] = ("console", "json")


def written(form: Form, deed: Callable[[], object]) -> str:
    """What the deed makes a log of that form write."""
    heard = io.StringIO()
    with redirect_stderr(heard):
        configure_logging("info", form, SECRETS)
        deed()
    return heard.getvalue()


def fail(error: Exception) -> None:
    """As a bug in a thread would."""
    raise error


def raised(text: str) -> Exception:
    """An exception that has been somewhere, with a cause that says the same."""
    try:
        try:
            raise ValueError(text)
        except ValueError as cause:
            raise RuntimeError(text) from cause
    except RuntimeError as error:
        return error


def written_value(text: str) -> bool:
    """Whether it is one value: within quotation marks, or nothing that ends one is in it."""
    try:
        return isinstance(ast.literal_eval(text.strip()), str)
    except (SyntaxError, ValueError):
        return "=" not in text and '"' not in text


def log_everywhere(text: str) -> None:
    """As a value, within values, as a library's words, and as those of an exception."""
    log(Event.JOB_SETTLED, reason=text)
    log(Event.JOB_SETTLED, tally={"said": [text, {text: text}]})
    log(Event.JOB_SETTLED, reason=ValueError(text))
    logging.getLogger("elsewhere").warning("it said %s", text)
    log(Event.SERVER_ERROR, level="error", exc_info=raised(text))
    try:
        raise raised(text)
    except RuntimeError:
        logging.getLogger("elsewhere").exception("it broke")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_line_of_json_is_one_object_whatever_is_said(name: str) -> None:
    """Six events are six lines, each with the event and the level that we gave it."""
    lines = written("json", lambda: log_everywhere(HOSTILE[name])).split("\n")[:-1]
    found = [json.loads(line) for line in lines]
    assert [line["level"] for line in found] == ["info", "info", "info", "warning"] + ["error"] * 2
    assert [line["event"] for line in found[:3]] == ["job.settled"] * 3
    assert all("job_id" not in line for line in found)
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_line_for_people_cannot_be_forged(name: str) -> None:
    """Lines that begin with a time are ours; no value ends before its quotation mark does."""
    text = written("console", lambda: log_everywhere(HOSTILE[name]))
    lines = text.split("\n")[:-1]
    ours = [line for line in lines if not line.startswith("  | ")]
    assert len(ours) == 6
    assert all(line.isprintable() for line in lines)
    assert [line.split("[")[1].split("]")[0].strip() for line in ours] == (
        ["info"] * 3 + ["warning"] + ["error"] * 2
    )
    assert written_value(ours[0].split("reason=", 1)[1])
    assert written_value(ours[3].split("warning  ] ", 1)[1])


def test_what_a_line_says_can_still_be_read() -> None:
    """Control characters are written out, plain values stay without quotation marks."""
    text = written("console", lambda: log(Event.JOB_SETTLED, job_id="a-1", reason="a\x1b[31mb\nc"))
    assert "job_id=a-1" in text
    assert r"reason=a\x1b[31mb\nc" in text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "secret",
    [
        *SECRETS,
        "xai-0123456789abcdef",
        "pq_0123456789ab_abcdefabcdef",
        "pqt_AAAABBBBCCCC",
        "whsec_c2VjcmV0LXNlY3JldA==",
        "sb_secret_abcdefgh",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ],
)
def test_no_secret_is_written_in_any_place(form: Form, secret: str) -> None:
    """Neither as a value, nor within one, nor in the words or the traceback of an exception."""
    said = f"it said: {secret}, and that was all"
    assert secret not in written(form, lambda: log_everywhere(said))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("https://p.example/a.jpg?X-Amz-Signature=c0ffee", "c0ffee"),
        ("postgresql://me:p@ss:w@rd@db.example/x", "w@rd"),
        ("https://q.example/files/-c0ffee.c0ffee", "c0ffee"),
        ("https://q.example/api/webhooks/wavespeed/_c0ffee", "c0ffee"),
        ("host=db password=c0ffee user=me", "c0ffee"),
    ],
)
def test_what_opens_an_address_is_taken_out_of_it(form: Form, address: str, hidden: str) -> None:
    """The query, the password, and the last part of the addresses that are signed."""
    assert hidden not in written(form, lambda: log_everywhere(f"from {address} it came"))


def test_an_exception_that_nobody_caught_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the interpreter prints at the end of a process or of a thread goes the same way."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def end() -> None:
        watch_last_words(SECRETS)
        error = raised(f"{SECRETS[0]} \x1b[2J at postgresql://me:hunter2@db/x")
        sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=fail, args=[error])
        thread.start()
        thread.join()

    text = written("json", end)
    assert text.count("  | RuntimeError") == 2
    assert not any(hidden in text for hidden in (SECRETS[0], "hunter2", "\x1b"))
