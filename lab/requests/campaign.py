"""Cases for every operation as every person, sent and judged; a seed makes the same cases."""

import random
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hypothesis.errors
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from lab.requests.judging import judge
from lab.requests.world import SECRETS, Person, World

PHOTO = "https://images.example.com/portrait.jpg"
CASES_A_PLANTING = 1500
_REAL = 60
"""Of a hundred cases so many name things that are there."""


@dataclass
class Outcome:
    """What was sent and what came of it; a finding has its number and its first request."""

    cases: int = 0
    operations: int = 0
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    unsendable: int = 0
    own: int = 0
    """Answers in which owners were told what is theirs."""
    seconds: float = 0.0

    def note(self, what: str, example: str) -> None:
        """Count a finding."""
        self.findings[what] += 1
        self.examples.setdefault(what, example[:600])


@dataclass(frozen=True)
class _Share:
    """Some cases of one operation as one person."""

    person: Person
    operation: Any
    mode: GenerationMode
    cases: int


def run(world: World, cases: int, seed: int, seconds: float) -> Outcome:
    """Send so many cases, or fewer if the time is up."""
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json", config=config)
    operations = [_readable(found) for found in schema.get_all_operations()]
    outcome, begun = Outcome(operations=len(operations)), time.monotonic()
    plantings, impossible = 0, set[tuple[str, GenerationMode]]()
    with requests.Session() as session:
        for number, share in enumerate(_shares(world, operations, cases, seed)):
            if outcome.cases >= cases or time.monotonic() - begun > seconds:
                break
            kind = share.operation.label, share.mode
            if kind in impossible:
                continue
            if outcome.cases >= CASES_A_PLANTING * plantings:
                world.plant()
                plantings += 1
            if not _send_all(world, share, session, seed + number, outcome):
                impossible.add(kind)
    outcome.seconds = time.monotonic() - begun
    _read_the_log(world, outcome)
    return outcome


def _readable(found: Any) -> Any:
    """The operation; one that the generator cannot read ends the run."""
    return found.ok()


def _shares(world: World, operations: list[Any], cases: int, seed: int) -> list[_Share]:
    """Every operation as everybody, in an order of the seed's, again and again."""
    kinds = [
        (person, operation, mode)
        for person in world.people
        for operation in operations
        for mode in GenerationMode
    ]
    random.Random(seed).shuffle(kinds)
    each = max(1, min(5, round(cases / len(kinds))))
    # What cannot be made is made up for by the others.
    rounds = 2 * -(-cases // (len(kinds) * each))
    return [_Share(*kind, each) for _ in range(rounds) for kind in kinds]


def _send_all(
    world: World, share: _Share, session: requests.Session, seed: int, outcome: Outcome
) -> bool:
    """Whether there are such cases: nothing can be wrong about a request without parameters."""
    strategy = share.operation.as_strategy(generation_mode=share.mode)
    left = share.cases

    @hypothesis.seed(seed)
    @settings(max_examples=share.cases, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=strategy, dice=st.randoms(use_true_random=False))
    def send(case: Case[Any], dice: random.Random) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            _name_things(world, case, dice)
            _send(world, share.person, case, session, outcome)

    with suppress(hypothesis.errors.Unsatisfiable):
        send()
    return left < share.cases


def _name_things(world: World, case: Case[Any], dice: random.Random) -> None:
    """Put ids of an owner's things where ids belong, and a picture where one is asked for."""
    if dice.randrange(100) >= _REAL:
        return
    ids = dice.choice(world.owners).ids
    for parameters in (case.path_parameters, case.query, case.body):
        if not isinstance(parameters, dict):
            continue
        for name in list(parameters):
            if name in ids:
                parameters[name] = dice.choice(ids[name])
            elif name == "targetUrl":
                parameters[name] = PHOTO
            elif name == "ids":
                parameters[name] = [dice.choice(ids["promptJobId"] + ids["jobId"])]
    # The operator's page of a job is for jobs of both kinds.
    if isinstance(case.path_parameters, dict) and case.path_parameters.get("jobId"):
        kinds = ids["jobId"] + (ids["promptJobId"] if "/ops/" in case.operation.path else [])
        case.path_parameters["jobId"] = dice.choice(kinds)


def _send(
    world: World, person: Person, case: Case[Any], session: requests.Session, outcome: Outcome
) -> None:
    try:
        wanted = case.as_transport_kwargs(base_url=world.url)
        for name in ("authorization", "x-act-for"):
            for given_name in [one for one in wanted["headers"] if one.lower() == name]:
                del wanted["headers"][given_name]
        wanted["headers"].update(person.headers)
        response = _answer(session, wanted)
    except (ValueError, requests.exceptions.InvalidHeader):
        outcome.unsendable += 1
        return
    except requests.RequestException as error:
        sent = f"{person.name}: {case.as_curl_command()}"
        outcome.note(f"no answer: {type(error).__name__}", sent)
        return
    outcome.cases += 1
    outcome.statuses[person.name][response.status_code] += 1
    outcome.own += any(mark.encode() in response.content for mark in person.knows)
    for what in judge(person, case, response, world.canaries_hidden_from(person)):
        example = f"{person.name}: {case.method} {response.request.url} {response.request.body!r}"
        outcome.note(
            f"{case.method} {case.operation.path}: {what}",
            f"{example} -> {response.status_code} {response.content[:200]!r}",
        )


def _answer(session: requests.Session, wanted: dict[str, Any]) -> Response:
    """The answer; of a stream only what it begins with."""
    with session.request(**wanted, stream=True, allow_redirects=False, timeout=30) as reply:
        if reply.headers.get("content-type", "").startswith("text/event-stream"):
            # What comes at once; then it may be quiet for as long as nothing happens.
            content = next(reply.iter_content(None), b"")
            reply._content = content
            reply._content_consumed = True
        return Response.from_requests(reply, verify=False)


def _read_the_log(world: World, outcome: Outcome) -> None:
    """Secrets never come there, nor what users wrote."""
    text = world.log.read_text("utf-8", "replace")
    for name, value in SECRETS.items():
        if value in text:
            outcome.note(f"the log holds a secret: {name}", "")
    if any(one.canary in text for one in world.owners):
        line = next(li for li in text.splitlines() if any(o.canary in li for o in world.owners))
        outcome.note("the log holds a user's words", line)
    for line in text.splitlines():
        if '"server.error"' in line or "Traceback" in line:
            outcome.note("the log holds a crash", line)
