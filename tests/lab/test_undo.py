"""What is expected of a database that forgot is a pure function of the logs."""

import json

from lab.undo import Forgotten, remembered_calls, remembered_lines, too_many_between

OK = json.dumps({"key": "a", "owner": "o", "outcome": "ok", "job_id": "j"})
INFO = json.dumps({"key": "a", "owner": "o", "outcome": "info"})
CALLS = [{"nonce": name} for name in "aabbbbbc"]


def test_an_acknowledgement_of_a_forgotten_time_is_silence() -> None:
    between = [Forgotten(range(1, 2), range(0))]
    assert remembered_lines([OK, OK, OK], between) == [OK, INFO, OK]


def test_without_forgetting_everything_counts() -> None:
    assert remembered_lines([OK, INFO], []) == [OK, INFO]
    assert remembered_calls(CALLS, []) == CALLS
    assert too_many_between(CALLS, []) == []


def test_calls_of_a_forgotten_time_are_for_no_book() -> None:
    between = [Forgotten(range(0), range(1, 7))]
    assert remembered_calls(CALLS, between) == [{"nonce": "a"}, {"nonce": "c"}]


def test_a_job_that_is_sent_too_often_in_a_forgotten_time_is_found() -> None:
    assert too_many_between(CALLS, [Forgotten(range(0), range(6))]) == []
    (sentence,) = too_many_between(CALLS, [Forgotten(range(0), range(7))])
    assert sentence == "5 sends for b in a time that was forgotten"
