"""Mistakes in the gate, in flights, in texts that are being written, in pauses of bands."""

from lab.mutant import Edit, Mutant, mutant

BEGIN = "begin_provider_calls"
LOCK = "lock_prompt_gates"
SETTLE_GATES = "settle_prompt_gates"
RATE = "prompt_gate_rate"
ROOM = "prompt_claim_room"
SPEND = "spend_prompt_claim_room"
JOIN = "join_prompt_flights"
END_FLIGHTS = "end_prompt_flights"
COMPLETE = "complete_prompt_jobs"
FAIL = "fail_prompt_followers"
NOTE = "note_prompt_partials"
SEEN = "prompt_partial"
PRUNE = "prune_prompt_partials"

_GATE_ROWS = "  order by g.model\n  for update;\n"
_KNOWN = "where c.scope = v_join.scope and c.key = v_join.key and c.expires_at"
_MINE = "q.job_id = n.job_id and q.lease_token = n.lease_token"
_REFUSED = "j.status = 'failed' and j.error_code = 'refused'"

SHARING_MUTANTS: tuple[Mutant, ...] = (
    mutant("gate: looked at before the wait", LOCK, _GATE_ROWS, "  limit 0;\n"),
    mutant("gate: all at once", BEGIN, "g.free_at + g.gap * (count(*) over earlier - 1)",
           "g.free_at"),
    mutant("gate: nothing is spent", BEGIN, "set next_at = p.last_at + p.gap,",
           "set next_at = g.next_at,"),
    mutant("gate: however late", BEGIN, "p.send_at > v_now + interval '3 seconds'", "false"),
    mutant("gate: urgent calls wait in line", BEGIN,
           "order by r.priority desc nulls last, r.call_id\n      rows",
           "order by r.call_id\n      rows"),
    mutant("gate: closed to nobody", BEGIN, "greatest(g.next_at, g.closed_until, v_now)",
           "greatest(g.next_at, v_now)"),
    mutant("gate: tokens cost nothing", BEGIN, "p.tokens_at + p.a_token * p.tokens",
           "p.tokens_at"),
    mutant("gate: tokens hold nobody up", BEGIN,
           "g.tokens_at + g.a_token * (sum(coalesce(r.tokens, 0)) over earlier"
           " - coalesce(r.tokens, 0))", "g.free_at"),
    mutant("gate: a minute's tokens at once", BEGIN, "v_now - interval '1 second'",
           "v_now - interval '1 minute'"),
    mutant("gate: what was owed is forgiven", SETTLE_GATES, "sum(e.tokens - e.estimated)",
           "sum(least(e.tokens - e.estimated, 0))"),
    mutant("gate: what was not used is kept", SETTLE_GATES, "sum(e.tokens - e.estimated)",
           "sum(greatest(e.tokens - e.estimated, 0))"),
    mutant("gate: no answer, no tokens", "end_provider_calls", "else c.estimated_tokens end",
           "else 0 end"),
    mutant("gate: thoughts are free", "end_provider_calls",
           "\n          + coalesce(e.reasoning_tokens, 0)", ""),
    mutant("gate: a 429 closes nothing", SETTLE_GATES, "when s.is_new then\n        greatest(",
           "when false then\n        greatest("),
    mutant("gate: what was asked for is not heard", SETTLE_GATES,
           "when s.retry_after is not null then", "when false then"),
    mutant("gate: closed for as long as anybody says", SETTLE_GATES, "least(s.retry_after, 300)",
           "s.retry_after"),
    mutant("gate: each refusal under way closes it anew", SETTLE_GATES,
           "and o.closed_until <= v_now\n        as is_new", "\n        as is_new"),
    mutant("gate: it does not wait longer", SETTLE_GATES,
           "0.25 * power(2, least(g.refusals, 10))", "0.25"),
    mutant("gate: it waits longer without end", SETTLE_GATES, "least(g.refusals, 10)), 1.5)",
           "least(g.refusals, 10)), 60)"),
    mutant("gate: a success changes nothing", SETTLE_GATES,
           "when s.any_good then 0 else g.refusals", "else g.refusals"),
    mutant("gate: it learns from silence", SETTLE_GATES, "s.is_new and g.heard then\n        case",
           "s.is_new then\n        case"),
    mutant("gate: it never learns", SETTLE_GATES, "greatest(0.95 * s.rate, 0.01 * s.most)",
           "s.rate"),
    mutant("gate: it never recovers", RATE, "0.005 * p_limit", "0 * p_limit"),
    mutant("gate: it forgets at once", RATE,
           "case when p_now <= p_gate.held_until then v_safe else p_limit end", "p_limit"),
    mutant("gate: it starts full", LOCK, "public.prompt_safe_rate(l.requests_per_second)\n",
           "l.requests_per_second\n"),
    mutant("room: as much as is wanted", ROOM, "least(coalesce(v_room, p_limit), p_limit)",
           "p_limit"),
    mutant("room: nothing is spent", SPEND, "secs => p_jobs", "secs => 0 * p_jobs"),
    mutant("room: a closed gate gives out", ROOM,
           "greatest(g.claims_at, g.closed_until, g.tokens_at, v_now)",
           "greatest(g.claims_at, v_now)"),
    mutant("flight: the lease is not looked at", JOIN,
           "q.lease_token is not null and q.lease_token = j.lease_token as is_held",
           "true as is_held"),
    mutant("flight: everybody leads", JOIN, "elsif v_leader is not distinct from v_join.job_id",
           "elsif true"),
    mutant("flight: users share", JOIN, "where f.scope = v_join.scope and f.key = v_join.key\n"
           "    for update;", "where f.key = v_join.key\n    limit 1 for update;"),
    mutant("flight: prompts of strangers", JOIN, _KNOWN,
           "where c.key = v_join.key and c.expires_at"),
    mutant("flight: prompts for ever", JOIN, " and c.expires_at > clock_timestamp()", ""),
    mutant("flight: who refreshes gets the old", JOIN, "elsif v_join.refresh then",
           "elsif false then"),
    mutant("flight: a follower keeps its lease", JOIN,
           "lease_token = null, lease_until = null, attempt_until = null,", ""),
    mutant("flight: its end is told nobody", END_FLIGHTS, "set next_attempt_at = clock_timestamp()",
           "set next_attempt_at = q.next_attempt_at"),
    mutant("flight: refused, and asked again", END_FLIGHTS, "if v_refused is not null",
           "if false"),
    mutant("flight: every failure is everybody's", END_FLIGHTS, _REFUSED, "j.status = 'failed'"),
    mutant("flight: nothing is kept", COMPLETE, "where jsonb_typeof(t.cache) = 'object'",
           "where false"),
    mutant("followers: their dependents wait on", FAIL, "where d.prompt_job_id = r.job_id",
           "where false"),
    mutant("followers: not counted", FAIL, "having count(*) > 0", "having false"),
    mutant("followers: of any flight", FAIL, "where q.follows = o.flight and q.state = 'delayed'",
           "where true"),
    mutant("text: written without the lease", NOTE, _MINE, "q.job_id = n.job_id"),
    mutant("text: taken away without the lease", NOTE,
           "and p.job_id = n.job_id and p.lease_token = n.lease_token",
           "and p.job_id = n.job_id"),
    mutant("text: seen after its lease", SEEN, " and l.lease_token = p.lease_token", ""),
    mutant("text: followers see nothing", SEEN, "coalesce(f.leader_job_id, q.job_id)", "q.job_id"),
    mutant("text: never swept up", PRUNE, "where not exists (", "where false and not exists ("),
    mutant("text: swept up while it is written", PRUNE,
           "where q.job_id = p.job_id and q.lease_token = p.lease_token\n    )",
           "where false\n    )"),
    Mutant("text: late writers hide it", (
        Edit(NOTE, _MINE, "q.job_id = n.job_id"),
        Edit(NOTE, "select q.job_id, q.lease_token, n.partial",
             "select q.job_id, n.lease_token, n.partial"),
    )),
    mutant(
        "claim: although its band is paused",
        "claim_prompt_jobs",
        "v_empty := v_look.stopped;",
        "v_empty := '{}';",
    ),
    mutant(
        "picture: although its band is paused",
        "claim_picture_jobs",
        "        and p.priority between v_band.low and v_band.high\n",
        "",
    ),
)  # fmt: skip
