"""Headers and parameters that make an answer conditional or late: pure parsing."""

import hashlib
import re

from prompt_queue.api.problems import Problem
from prompt_queue.jobs.job import PromptJob

LONGEST_WAIT_SECONDS = 60
KEPT_BY_ONE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, X-Act-For"}
"""The headers of an answer that only its reader may keep, and asks about each time."""

_PREFERRED_WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,6})"?\s*', re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_KEY = re.compile(r"[ -~]{1,255}")


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds of `Prefer: wait=n`, at most 60; None where the client does not prefer to wait."""
    for preference in re.split("[,;]", prefer or ""):
        match = _PREFERRED_WAIT.fullmatch(preference)
        if match:
            return min(int(match[1]), LONGEST_WAIT_SECONDS)
    return None


def wait_parameter(text: str | None) -> float:
    """Seconds of `?wait=`, 0 to 60. Raises Problem."""
    if text is None:
        return 0.0
    if not _NUMBER.fullmatch(text) or float(text) > LONGEST_WAIT_SECONDS:
        detail = f"wait must be a number of seconds from 0 to {LONGEST_WAIT_SECONDS}."
        raise Problem("invalid_parameter", detail, errors=[{"parameter": "wait", "detail": detail}])
    return float(text)


def idempotency_key(text: str | None) -> str | None:
    """The key as sent. Raises Problem unless it has 1 to 255 printable ASCII characters."""
    if text is None:
        return None
    if not _KEY.fullmatch(text):
        detail = "Idempotency-Key must have 1 to 255 printable ASCII characters; a UUID is good."
        raise Problem(
            "invalid_request", detail, errors=[{"header": "Idempotency-Key", "detail": detail}]
        )
    return text


def job_etag(job: PromptJob, *more: object) -> str:
    """A weak ETag that changes with the job, its text so far, and whatever else is shown."""
    return version_etag(job.id, job.changed_at, job.status, *more)


def version_etag(*facts: object) -> str:
    """A weak ETag that changes with any of the facts."""
    digest = hashlib.sha256("|".join(map(str, facts)).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this version already (weak comparison, RFC 9110 section 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(found.removeprefix("W/") == opaque for found in _ETAG.findall(if_none_match))
