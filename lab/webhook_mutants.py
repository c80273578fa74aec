"""Mistakes in the outbox, in promises and in the memory of alerts."""

from lab.mutant import Mutant, mutant

CLAIM = "claim_webhook_messages"
SETTLE = "settle_webhook_messages"
ENQUEUE = "enqueue_job_webhooks"
ANY = "enqueue_webhook"
REPLAY = "replay_webhook_message"
ROTATE = "rotate_webhook_secret"
EVENTS = "webhooks_of_events"
NOTE = "note_prompt_promise"
SCORE = "score_prompt_promises"
COVERAGE = "prompt_promise_coverage"
FACTS = "prompt_promise_facts"
ALERTS = "note_prompt_alerts"

_LINE = """          and not exists (
            select from public.webhook_messages e
            where e.line = m.line and e.number < m.number and e.state in ('waiting', 'sending')
          )
"""

WEBHOOK_MUTANTS: tuple[Mutant, ...] = (
    mutant("webhook claim: the silent keep theirs", CLAIM, "m.lease_until < v_now", "false"),
    mutant("webhook claim: leases are not looked at", CLAIM, "m.lease_until < v_now", "true"),
    mutant("webhook claim: before it is due", CLAIM, " and m.due_at <= v_now\n          and",
           "\n          and"),
    mutant("webhook claim: out of order", CLAIM, _LINE, ""),
    mutant("webhook claim: beside one that is under way", CLAIM,
           "e.state in ('waiting', 'sending')", "e.state = 'waiting'"),
    mutant("webhook claim: no cap", CLAIM, "where d.nth <= p_lane_cap - u.under_way", "where true"),
    mutant("webhook claim: what is under way counts nothing", CLAIM,
           "d.nth <= p_lane_cap - u.under_way", "d.nth <= p_lane_cap"),
    mutant("webhook claim: no limit", CLAIM, "    limit p_limit\n", ""),
    mutant("webhook settle: any token", SETTLE,
           " or v_is.lease_token <> v_one.lease_token", ""),
    mutant("webhook settle: no delay", SETTLE,
           "v_now + make_interval(secs => greatest(v_one.delay_seconds, 0))", "v_now"),
    mutant("webhook settle: a try is not counted", SETTLE,
           "tries = m.tries + (v_one.outcome not in ('released', 'disabled'))::int",
           "tries = m.tries"),
    mutant("webhook settle: a release costs a try", SETTLE,
           "(v_one.outcome not in ('released', 'disabled'))::int",
           "(v_one.outcome not in ('disabled'))::int"),
    mutant("webhook settle: its line is held up for ever", SETTLE,
           "      set due_at = v_now\n", "      set due_at = m.due_at\n"),
    mutant("webhook settle: endings are not counted", SETTLE,
           "values (v_to, 1)", "values (v_to, 0)"),
    mutant("webhook settle: a success forgives nothing", SETTLE,
           "set failing_since = null", "set failing_since = e.failing_since"),
    mutant("webhook settle: gone goes on", SETTLE,
           "        v_one.outcome = 'gone'\n", "        false\n"),
    mutant("webhook settle: failing for ever", SETTLE,
           "or e.failing_since < v_now - make_interval(secs => v_one.disable_after_days * 86400)",
           ""),
    mutant("webhook settle: disabled at once", SETTLE,
           "secs => v_one.disable_after_days * 86400", "secs => -1"),
    mutant("webhook settle: what waits for a disabled one waits on", SETTLE,
           "where m.lane = v_disabled::text and m.state = 'waiting'", "where false"),
    mutant("webhook enqueue: to disabled endpoints", ENQUEUE,
           "where e.user_id = v_event.user_id and e.state = 'active'",
           "where e.user_id = v_event.user_id"),
    mutant("webhook enqueue: to strangers", ENQUEUE,
           "where e.user_id = v_event.user_id and e.state = 'active'", "where e.state = 'active'"),
    mutant("webhook enqueue: of every type", ENQUEUE,
           " and (w.events = '{}' or v_type = any (w.events))", ""),
    mutant("webhook enqueue: single requests are not told", ENQUEUE,
           "where r.job_id = v_event.job_id\n", "where false\n"),
    mutant("webhook events: failures are no news", EVENTS, "'completed', 'failed', ",
           "'completed', "),
    mutant("webhook any: of every type", ANY,
           "\n    and (e.events = '{}' or p_type = any (e.events))", ""),
    mutant("webhook any: to disabled endpoints", ANY, " and e.state = 'active'", ""),
    mutant("webhook any: to strangers", ANY, "e.user_id = p_user_id and", "true and"),
    mutant("webhook replay: of strangers", REPLAY,
           "(p_user_id is null or m.user_id = p_user_id)", "true"),
    mutant("webhook replay: while it is sent", REPLAY, "elsif v_is.state = 'sending' then",
           "elsif false then"),
    mutant("webhook replay: to a disabled endpoint", REPLAY, "e.state = 'disabled'", "false"),
    mutant("webhook replay: no tries left", REPLAY, "else m.tries end", "else m.first_try end"),
    mutant("webhook replay: said, not done", REPLAY, "set state = 'waiting'",
           "set state = m.state"),
    mutant("webhook rotate: of strangers", ROTATE,
           "(p_user_id is null or e.user_id = p_user_id)", "true"),
    mutant("webhook rotate: the old one signs no more", ROTATE,
           "set old_secret = e.secret, old_secret_until = v_until, secret",
           "set old_secret = null, old_secret_until = v_until, secret"),
    mutant("webhook rotate: no grace", ROTATE, "make_interval(secs => p_grace_seconds)",
           "make_interval(secs => 0)"),
    mutant("webhook rotate: for single requests nothing is new", ROTATE,
           "secret = excluded.secret,", "secret = s.secret,"),
)  # fmt: skip

PROMISE_MUTANTS: tuple[Mutant, ...] = (
    mutant("promise: due when half of it is expected", NOTE,
           "make_interval(secs => p.done_p90)", "make_interval(secs => p.done_p50)"),
    mutant("promise: the start is never due", NOTE,
           "t.now + make_interval(secs => p.start_p90)", "null::timestamptz"),
    mutant("score: overdue is no verdict", SCORE, "or p.done_due_at <= v_now as done_closes",
           "as done_closes"),
    mutant("score: kept, whatever came", SCORE, "j.done_after <= p.done_p90", "true"),
    mutant("score: a start that never came is kept", SCORE,
           "then j.started_at is not null and j.start_after <= p.start_p90",
           "then j.start_after <= p.start_p90 or j.started_at is null"),
    mutant("score: the cancelled count", FACTS, "j.status = 'cancelled'\n    from",
           "false\n    from"),
    mutant("score: the deleted count", FACTS, "null::timestamptz, null::timestamptz, true",
           "null::timestamptz, null::timestamptz, false"),
    mutant("score: tested again and again", SCORE,
           "done_due_at = case when not (j.is_void or j.done_closes) then p.done_due_at end,",
           "done_due_at = p.done_due_at,"),
    mutant("score: an end is not seen before it is due", SCORE,
           "where p.start_due_at is not null or p.done_due_at is not null\n    union",
           "where false\n    union"),
    mutant("score: the error has no scale", SCORE, "(j.done_after - p.done_base) / p.done_spread",
           "(j.done_after - p.done_base)"),
    mutant("coverage: old ones count", COVERAGE,
           "t.at > clock_timestamp() - make_interval(hours => p_hours)", "true"),
    mutant("coverage: all are kept", COVERAGE, "sum(t.kept)::bigint", "sum(t.scored)::bigint"),
    mutant("coverage: kinds are one", COVERAGE, "group by t.kind",
           "group by t.kind, t.at"),
    mutant("tally: what was counted is counted again", SCORE,
           "sum((not c.known)::int)", "count(*)"),
)  # fmt: skip

ALERT_MUTANTS: tuple[Mutant, ...] = (
    mutant("alert: told each time", ALERTS,
           "where not exists (select from before b where b.name = n.name and b.about = n.about)",
           "where true"),
    mutant("alert: never over", ALERTS, "where a.resolved_at is null\n        and a.last_seen",
           "where false\n        and a.last_seen"),
    mutant("alert: over at once", ALERTS,
           "a.last_seen <= v_now - make_interval(secs => p_quiet_seconds)", "true"),
    mutant("alert: its beginning moves", ALERTS,
           "case when a.resolved_at is null then a.since else excluded.since end",
           "excluded.since"),
    mutant("alert: it began long ago", ALERTS,
           "case when a.resolved_at is null then a.since else excluded.since end", "a.since"),
    mutant("alert: its value stays", ALERTS, "value = excluded.value", "value = a.value"),
    mutant("alert: one model hides another", ALERTS, "b.name = n.name and b.about = n.about",
           "b.name = n.name"),
    mutant("alert: no word by webhook", ALERTS, "if v_webhook then", "if false then"),
    mutant("alert: its end has another subject", ALERTS,
           "md5('prompt_queue_alert ' || name || ' ' || about)::uuid", "gen_random_uuid()"),
    mutant("alert: many tell it", ALERTS,
           "perform pg_advisory_xact_lock(hashtext('prompt_queue_alerts'));", "null;"),
)  # fmt: skip

OUTBOX_MUTANTS: tuple[Mutant, ...] = (*WEBHOOK_MUTANTS, *PROMISE_MUTANTS, *ALERT_MUTANTS)
