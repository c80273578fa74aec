"""Every kind of violation, planted in otherwise good logs, is found; the good logs are clean."""

from dataclasses import replace

import pytest
from lab.checker import check
from lab.logs import (
    Asked,
    Book,
    Call,
    Election,
    Harm,
    Job,
    LeaseChange,
    Logs,
    Outage,
    Request,
    RowChange,
    Settle,
)

LOST = Call("c")
SOLD = Call("c", prompt_sent=True)


@pytest.fixture
def logs() -> Logs:
    """One job that lost its first worker and was completed by the second."""
    return Logs(
        requests=[
            Request("k", "invoke", owner="o"),
            Request("k", "ok", "j", owner="o"),
            Request("k", "info", owner="o"),
        ],
        calls=[LOST, SOLD],
        rows=[
            RowChange(1, "j", None, "queued"),
            RowChange(2, "j", "queued", "processing"),
            RowChange(3, "j", "processing", "queued"),
            RowChange(4, "j", "queued", "processing"),
            RowChange(5, "j", "processing", "completed", None, "sky", at=14.0),
        ],
        leases=[
            LeaseChange(2, "j", None, "t1", worker="h-71-aa", at=10.0),
            LeaseChange(3, "j", "t1", None, worker="h-71-aa", at=12.0),
            LeaseChange(4, "j", None, "t2", worker="h-72-bb", at=12.5),
            LeaseChange(5, "j", "t2", None, gone=True, worker="h-72-bb", at=14.0),
        ],
        settles=[Settle(5, "j", "t2", "completed"), Settle(6, "j", "t1", "retry")],
        book={"j": Book(begun=3, unanswered=1, replied=1)},
        jobs={"j": Job("j", "completed", 0, 1, "o", "c")},
        harms=[Harm(11.0, 71), Harm(11.0, 99), Harm(12.9, None), Harm(13.0, None)],
    )


def test_good_logs_have_no_violation_and_tell_the_recovery_times(logs: Logs) -> None:
    findings = check(logs)

    assert findings.violations == []
    assert findings.recoveries == [1.5]
    assert findings.restarts == [1.0]


def test_without_harm_there_is_nothing_to_recover_from(logs: Logs) -> None:
    logs.harms.clear()

    assert (check(logs).recoveries, check(logs).restarts) == ([], [])


def test_a_database_that_was_back_twice_has_two_times(logs: Logs) -> None:
    logs.harms.append(Harm(14.5, None))
    logs.rows.append(RowChange(7, "i", "processing", "failed", at=17.0))

    assert check(logs).restarts == [1.0, 2.5]


def test_an_acknowledged_job_that_is_gone_is_lost(logs: Logs) -> None:
    logs.jobs.clear()

    assert check(logs).lost == ["j was acknowledged and is not in the table"]


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_job_that_never_ends_is_lost(logs: Logs, status: str) -> None:
    logs.jobs["j"] = replace(logs.jobs["j"], status=status)

    assert check(logs).lost == [f"j is still {status}"]


def test_two_completions_are_one_too_many(logs: Logs) -> None:
    logs.rows.append(RowChange(7, "j", "processing", "completed"))

    assert check(logs).duplicated == ["j completed 2 times"]


def test_two_jobs_for_one_key_are_one_too_many(logs: Logs) -> None:
    logs.requests.append(Request("k", "ok", "i"))
    logs.jobs["i"] = replace(logs.jobs["j"], job_id="i", owner="p")

    assert check(logs).duplicated == ["the key k got 2 jobs"]


def test_a_second_job_of_a_key_that_nobody_was_told_of_is_one_too_many(logs: Logs) -> None:
    logs.jobs["i"] = replace(logs.jobs["j"], job_id="i")

    assert check(logs).duplicated == ["the key k made 2 jobs"]


def test_a_right_that_two_were_given_is_found(logs: Logs) -> None:
    logs.elections = [Election("good", ("a",)), Election("bad", ("a", "b"))]

    assert check(logs).duplicated == ["bad was won by 2"]


def test_an_error_without_a_name_is_a_violation(logs: Logs) -> None:
    logs.surprises = ["a worker ended by itself with 1"]

    assert check(logs).violations == ["surprises: a worker ended by itself with 1"]


def test_a_retry_without_the_lease_is_stale(logs: Logs) -> None:
    logs.settles[0] = Settle(5, "j", "t1", "failed")

    assert check(logs).stale == ["j took failed from a worker without its lease"]


def test_a_paid_prompt_is_welcome_without_the_lease_while_the_job_is_open(logs: Logs) -> None:
    logs.settles[0] = Settle(5, "j", "t1", "completed")

    assert check(logs).violations == []


def test_a_write_to_a_job_outside_the_queue_is_stale(logs: Logs) -> None:
    del logs.leases[-1]

    assert check(logs).stale == ["j was processing when completed was written"]


@pytest.mark.parametrize(
    "row",
    [
        RowChange(7, "j", "completed", "queued", "sky", "sky"),
        RowChange(7, "j", "completed", "completed", "sky", "sea"),
        RowChange(7, "j", "completed", None, "sky", None),
    ],
)
def test_a_final_row_that_changes_is_found(logs: Logs, row: RowChange) -> None:
    logs.rows.append(row)

    assert check(logs).final_changed == [f"j was completed and became {row.new_status}"]


def test_one_request_without_an_answer_too_many_is_found(logs: Logs) -> None:
    logs.calls += [LOST, LOST]
    logs.book["j"] = Book(begun=4, unanswered=2, replied=1)

    assert check(logs).paid == [
        "j: 3 requests reached the provider and got no answer, 2 are allowed"
    ]


def test_answered_requests_do_not_count_as_unanswered(logs: Logs) -> None:
    logs.calls += [LOST, LOST]
    logs.book["j"] = Book(begun=5, unanswered=1, replied=3)

    assert check(logs).violations == []


def test_a_request_that_the_cost_book_does_not_know_is_found(logs: Logs) -> None:
    logs.book["j"] = Book(begun=1, unanswered=0, replied=1)

    assert check(logs).paid == ["j: 2 requests reached the provider, 1 are allowed"]


def test_a_request_that_belongs_to_no_job_is_found(logs: Logs) -> None:
    logs.calls.append(Call("stranger"))

    assert check(logs).paid == ["1 requests came from no job"]


def test_a_prompt_that_is_bought_twice_by_one_claim_is_found(logs: Logs) -> None:
    logs.calls = [SOLD, SOLD, SOLD]
    logs.book["j"] = Book(begun=3, unanswered=0, replied=3)

    assert check(logs).paid == ["j: 3 prompts were sold, 2 are allowed"]


def test_one_unanswered_call_too_many_is_found(logs: Logs) -> None:
    logs.book["j"] = Book(begun=4, unanswered=3, replied=1)

    assert check(logs).paid == ["j: 3 calls are unanswered in the cost book, 2 are allowed"]


def test_one_retry_too_many_is_found(logs: Logs) -> None:
    logs.jobs["j"] = replace(logs.jobs["j"], retry_count=2)

    assert check(logs).attempts == ["j was retried 2 times, 1 are allowed"]


@pytest.mark.parametrize(
    ("quality", "source", "models", "words"),
    [
        ("template_ok", "template", ("a", "b"), None),
        ("any_model", "model", ("a", "b"), None),
        ("model", "model", ("a",), None),
        ("model", None, ("a",), None),
        ("any_model", "template", ("a", "b"), "asked for any_model and got a template"),
        ("model", "existing", ("a",), "asked for model and got a existing"),
        ("model", "model", ("a", "b"), "asked for the first model"),
    ],
)
def test_a_prompt_from_too_far_down_the_ladder(
    logs: Logs, quality: str, source: str | None, models: tuple[str, ...], words: str | None
) -> None:
    logs.jobs["j"] = replace(logs.jobs["j"], min_quality=quality, source=source)
    logs.book["j"] = replace(logs.book["j"], models=models)
    found = check(logs).ladder
    assert (words is None) is (found == [])
    assert words is None or words in found[0]


def test_an_open_breaker_lets_one_probe_through_a_cool_off(logs: Logs) -> None:
    logs.outages = [Outage("a", 20.0, 27.0)]
    fine = [Asked("a", at) for at in (19.0, 20.1, 22.6, 25.2, 26.9, 27.5)]
    logs.asked = [*fine, Asked("b", 22.0)]
    assert check(logs).breaker == []
    logs.asked.append(Asked("a", 23.0))
    assert check(logs).breaker == ["a was asked 4 times while its breaker was open, 3 are allowed"]
    logs.harms.append(Harm(21.0, 5))
    assert check(logs).breaker == []
