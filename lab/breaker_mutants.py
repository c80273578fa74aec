"""Mistakes in breakers, retry budgets and the renewal of the queue's table."""

from lab.mutant import Mutant, mutant

JUDGE = "judge_prompt_models"
BEGIN = "begin_provider_calls"
BY_HAND = "set_prompt_breaker"
RENEW = "renew_prompt_job_queue"
WAKE = "wake_parked_prompt_jobs"
READMIT = "readmit_prompt_jobs"

BREAKER_MUTANTS: tuple[Mutant, ...] = (
    mutant("breaker: opens by one fault", JUDGE, "c.good + c.bad >= 5", "c.good + c.bad >= 1"),
    mutant("breaker: any share", JUDGE, "c.bad >= 0.5 * (c.good + c.bad)", "true"),
    mutant("breaker: never by a share", JUDGE, "c.bad >= 0.5 * (c.good + c.bad)", "false"),
    mutant(
        "breaker: no credit is one fault of many",
        JUDGE,
        "when c.state = 'closed' and c.trip is not null then 'opened'\n",
        "",
    ),
    mutant(
        "breaker: late answers close it", JUDGE, "filter (where e.call_id = h.probe_call_id)", ""
    ),
    mutant(
        "breaker: a failed probe changes nothing",
        JUDGE,
        "c.state = 'open' and c.probe in ('bad', 'trip')",
        "false",
    ),
    mutant(
        "breaker: the cool-off does not grow",
        JUDGE,
        "power(2, least(j.nth, 10) - 1)",
        "power(2, 0)",
    ),
    mutant("breaker: ends judged before the wait", JUDGE, "  for update;\n", "  limit 0;\n"),
    mutant(
        "breaker: not audited", JUDGE, "where j.act = 'closed' or j.act = 'opened'", "where false"
    ),
    mutant(
        "breaker: a closed one counts its old faults",
        JUDGE,
        "bad = case j.act when 'closed' then 0 else j.bad end",
        "bad = j.bad",
    ),
    mutant(
        "begin: an open breaker is not seen",
        BEGIN,
        "m.state = 'open' and a.model <> all (coalesce(v_probed, '{}'))",
        "false",
    ),
    mutant("begin: before the cool-off is over", BEGIN, " and h.open_until <= v_now", ""),
    mutant(
        "begin: a crowd probes",
        BEGIN,
        "case when c.nth = 1 then 'granted' else",
        "case when true then 'granted' else",
    ),
    mutant("begin: probes beside a probe", BEGIN, "c.call_id = h.probe_call_id", "false"),
    mutant(
        "begin: a probe outlives its lease",
        BEGIN,
        "          and c.lease_token = coalesce(q.lease_token, p.lease_token)\n",
        "",
    ),
    mutant("begin: two probes at once", BEGIN, "    for update skip locked\n  ) c", "  ) c"),
    mutant("begin: retries without end", BEGIN, "c.nth_retry > c.retries_left", "false"),
    mutant("begin: retries cost nothing", BEGIN, "s.retries_left - s.retries", "s.retries_left"),
    mutant("begin: first calls are retries", BEGIN, "c.retry_count > 0 and c.nth_retry", "c.nth"),
    mutant(
        "begin: retries counted before the wait", BEGIN, "::int > 0\n  )", "::int > 999999\n  )"
    ),
    mutant("begin: old workers are let through", BEGIN, "j.retry_count is null", "false"),
    mutant("budget: answers earn nothing", JUDGE, "+ 0.1 * e.good", ""),
    mutant("budget: faults earn as well", JUDGE, "+ 0.1 * e.good", "+ 0.1 * (e.good + e.bad)"),
    mutant("by hand: faults are kept", BY_HAND, "good = 0, bad = 0, ", ""),
    mutant("by hand: a probe closes it", BY_HAND, "probe_call_id = null, ", ""),
    mutant("by hand: opened for a time only", BY_HAND, "secs => p_seconds", "secs => 0"),
    mutant("by hand: said, not done", BY_HAND, "if not found then", "if false then"),
    mutant(
        "renew: read before the lock",
        RENEW,
        "lock table public.prompt_job_queue in access exclusive mode;",
        "",
    ),
    mutant(
        "renew: what was there is gone",
        RENEW,
        "insert into public.prompt_job_queue select (r).* from unnest(v_rows) as r;",
        "",
    ),
    mutant("by hand: the parked sleep on", BY_HAND, "if not p_open then", "if false then"),
    mutant("breaker: the parked sleep on", JUDGE, "if v_works_again then", "if false then"),
    mutant("wake parked: everything", WAKE, "j.error_code in", "true or j.error_code in"),
    mutant("readmit: what is over", READMIT, "j.status in ('queued', 'processing')", "true"),
    mutant("readmit: nothing", READMIT, "j.status in ('queued', 'processing')", "false"),
    mutant(
        "readmit: the record stays as it was",
        READMIT,
        "set status = 'queued', updated_at",
        "set updated_at",
    ),
)
