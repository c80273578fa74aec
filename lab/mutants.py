"""Takes each guard of the SQL functions away in turn: is there a scenario that notices?

`python -m lab.mutants` prints who caught each mutant and exits 1 if one got away.
"""

import asyncio
import sys

from tests.clusters import EMBEDDED_MAJOR, Clusters
from tests.proofs.acts import Acts
from tests.proofs.scenarios import OUTBOX_SCENARIOS, SCENARIOS

from lab.breaker_mutants import BREAKER_MUTANTS
from lab.killing import AS_THEY_ARE, killer
from lab.mutant import Edit, Mutant, mutant
from lab.picture_mutants import PICTURE_MUTANTS
from lab.sharing_mutants import SHARING_MUTANTS
from lab.webhook_mutants import OUTBOX_MUTANTS

SETTLE = "settle_prompt_jobs"
COMPLETE = "complete_prompt_jobs"
BEGIN = "begin_provider_calls"
REAP = "free_expired_prompt_leases"
HEARTBEAT = "heartbeat_prompt_jobs"
CANCEL = "cancel_prompt_job"
RETRY = "retry_prompt_job"
UPDATE = "update_prompt_job_status"
CLAIM = "claim_prompt_jobs"
HOLD = "hold_back_capped_prompt_jobs"
GUARD = "guard_final_prompt_job"
TAKE = "take_prompt_singleton"
ADMIT = "admit_capped_prompt_jobs"
MANY = "retry_prompt_jobs"
PRUNE = "prune_prompt_jobs"
TURNS = "prompt_claim_key"
SUPPLY = "supply_prompt"

_FENCE = "q.lease_token = p.lease_token and p.outcome <> 'completed'"
_WAIT = "  order by q.job_id\n  for update;\n"
_OWNER = "(p_user_id is null or j.user_id = p_user_id)"
_WALL = """(new.status, new.generated_prompt, new.error, new.completed_at)
    is distinct from (old.status, old.generated_prompt, old.error, v_time)"""


MUTANTS: tuple[Mutant, ...] = (
    # The bugs of others, planted here.
    Mutant(
        "settle by id alone (Oban)",
        (
            Edit(SETTLE, _FENCE, "true"),
            Edit(GUARD, _WALL, "false"),
        ),
    ),
    mutant("settle what is processing (River)", SETTLE, _FENCE, "j.status = 'processing'"),
    Mutant(
        "reap by an old snapshot (River #1302)",
        (Edit(REAP, "    for update skip locked\n", ""),),
    ),
    mutant("heartbeat by id (PgQueuer)", HEARTBEAT, " and q.lease_token = h.lease_token", ""),
    mutant(
        "tokens that come again",
        CLAIM,
        "md5(v_seed || q.job_id)::uuid",
        "md5(q.job_id::text)::uuid",
    ),
    # Guards taken away.
    mutant("settle: any failure", SETTLE, _FENCE, "p.outcome in ('completed', 'failed')"),
    mutant("settle: any retry", SETTLE, _FENCE, f"{_FENCE} or p.outcome = 'retry'"),
    mutant(
        "settle: nothing salvaged",
        COMPLETE,
        "where q.job_id = p.job_id\n",
        "where q.job_id = p.job_id and q.lease_token = p.lease_token\n",
    ),
    mutant(
        "settle: completed again",
        SETTLE,
        " and p.outcome <> 'completed'",
        " or p.outcome = 'completed'",
    ),
    mutant("settle: endless retries", SETTLE, "j.retry_count >= j.max_retries", "false"),
    mutant("settle: retries not counted", SETTLE, "+ (a.act = 'retry')::int", ""),
    mutant("settle: no delay", SETTLE, "when a.delay > 0 then 'delayed'", "when false then ''"),
    mutant("settle: judged before the wait", SETTLE, _WAIT, "  limit 0;\n"),
    mutant("begin: judged before the wait", BEGIN, _WAIT, "  limit 0;\n"),
    mutant(
        "begin: any token",
        BEGIN,
        "(coalesce(h.lease_token, i.lease_token) = a.lease_token) is not true",
        "coalesce(h.lease_token, i.lease_token) is null",
    ),
    mutant("begin: no bound", BEGIN, "> coalesce(j.max_retries, 1)", "> 1000000"),
    mutant(
        "begin: bound too large by one",
        BEGIN,
        "> coalesce(j.max_retries, 1)",
        "> j.max_retries + 1",
    ),
    mutant("begin: sent is not counted", BEGIN, "c.state <> 'answered'", "c.state = 'unanswered'"),
    mutant("begin: answered is counted", BEGIN, "c.state <> 'answered'", "true"),
    mutant(
        "begin: old sends count after a retry",
        BEGIN,
        "c.started_at > coalesce(j.retried_at, i.retried_at, '-infinity')",
        "true",
    ),
    mutant("begin: pauses not seen", BEGIN, "p.model = a.model", "false"),
    mutant("end: a later ending wins", "end_provider_calls", " and c.state = 'sent'", ""),
    mutant("reap: live leases too", REAP, " and q.lease_until < v_now", ""),
    Mutant(
        "reap: losses without end",
        (Edit(REAP, "losses < 3", "losses < 99"), Edit(REAP, "losses >= 3", "losses >= 99")),
    ),
    Mutant(
        "reap: two losses suffice",
        (Edit(REAP, "losses < 3", "losses < 2"), Edit(REAP, "losses >= 3", "losses >= 2")),
    ),
    mutant("reap: losses not counted", REAP, "lease_losses = e.losses", "lease_losses = 0"),
    mutant("heartbeat: beyond the attempt", HEARTBEAT, ", q.attempt_until\n", "\n"),
    mutant("cancel: also what is over", CANCEL, "v_job.status in ('queued', 'processing')", "true"),
    mutant("cancel: anybody's", CANCEL, _OWNER, "true"),
    mutant("cancel: without the lock", CANCEL, "where q.job_id = p_job_id for update", "limit 0"),
    mutant(
        "cancel: the place stays",
        CANCEL,
        "delete from public.prompt_job_queue q",
        "perform 1 from public.prompt_job_queue q",
    ),
    mutant("retry: also what is not failed", RETRY, "v_job.status <> 'failed'", "false"),
    mutant("retry: anybody's", RETRY, _OWNER, "true"),
    mutant("retry: without the lock", RETRY, "  for update;", "  ;"),
    mutant("guard: nothing", GUARD, _WALL, "false"),
    mutant("guard: a retry may change anything", GUARD, "old.status = 'failed' and", "true and"),
    mutant(
        "by hand: any status",
        "adopt_plain_status_update",
        "new.status not in ('completed', 'failed', 'cancelled')",
        "false",
    ),
    mutant(
        "by hand: the place stays",
        "adopt_plain_status_update",
        "delete from public.prompt_job_queue q where q.job_id = new.id;",
        "",
    ),
    mutant(
        "adopt: any token",
        "adopt_prompt_job",
        "(p_lease_token is null or q.lease_token = p_lease_token)",
        "true",
    ),
    mutant(
        "update: the token is not looked at",
        UPDATE,
        "coalesce(p_lease_token, v_place.lease_token)",
        "v_place.lease_token",
    ),
    mutant(
        "update: any token cancels", UPDATE, "p_lease_token = v_place.lease_token then", "true then"
    ),
    mutant(
        "update: goes on without a place",
        UPDATE,
        "if not found then\n    return false;\n  end if;\n",
        "",
    ),
    mutant(
        "update: unfenced writes not told", UPDATE, "if p_lease_token is null then", "if false then"
    ),
    Mutant(
        "claim: locks nothing",
        (
            Edit(CLAIM, "      for update skip locked\n", ""),
            Edit(CLAIM, "select q.ctid as place_on_disk", "select q.job_id as place_on_disk"),
            Edit(CLAIM, "where q.ctid = n.place_on_disk", "where q.job_id = n.place_on_disk"),
        ),
    ),
    mutant("claim: although paused", CLAIM, "p.model = ''", "false"),
    mutant("wake: too early", "wake_due_prompt_jobs", " and q.next_attempt_at <= v_now", ""),
    # Order and care.
    mutant("turns: by age alone", TURNS, "q.claim_key + 1", "q.claim_key"),
    mutant("turns: a user's own are not looked at", TURNS, "q.user_id = p_user_id", "false"),
    mutant(
        "lanes: waiting does not count",
        CLAIM,
        "q.enqueued_at - v_look.step * q.priority as due\n"
        "      from public.prompt_job_queue q\n      where q.state = 'ready' and q.priority = lane",
        "q.enqueued_at - interval '1 year' * q.priority as due\n"
        "      from public.prompt_job_queue q\n      where q.state = 'ready' and q.priority = lane",
    ),
    mutant(
        "lanes: waiting is all that counts",
        CLAIM,
        "make_interval(secs => coalesce(s.ageing_seconds, 600)) as step",
        "interval '0' as step",
    ),
    mutant(
        "lanes: one of each whether due or not",
        CLAIM,
        "place <= v_limit / 8",
        "place <= 1 + v_limit / 8",
    ),
    mutant("cap: one too many", HOLD, "> p_cap as", "> p_cap + 1 as"),
    mutant(
        "cap: counted without the lock", CLAIM, "perform pg_advisory_xact_lock(", "perform abs("
    ),
    mutant("cap: what is held does not count", HOLD, "n.of_user + coal", "n.of_user + 0 * coal"),
    mutant("cap: not looked at", CLAIM, "s.user_in_flight_cap as cap", "null::int as cap"),
    mutant("cap: set aside for ever", ADMIT, "p_cap is null then p_limit", "p_cap is null then 0"),
    mutant("cap: never let in again", ADMIT, "else greatest(p_cap - ", "else least(0, "),
    mutant("settle: no time limit", SETTLE, "p.outcome in ('retry', 'postponed')", "false"),
    mutant("supply: over a prompt", SUPPLY, "completed' and not p_successor", "x' and false"),
    mutant("supply: any user", SUPPLY, _OWNER, "true"),
    mutant(
        "supply: failed ones only", SUPPLY, "v_job.status = 'cancelled'", "v_job.status <> 'failed'"
    ),
    mutant("supply: stays in the queue", SUPPLY, "q where q.job_id = p_job_id;", "q where false;"),
    mutant("supply: counted as failed", SUPPLY, "v_job.status = 'failed'", "false"),
    mutant("singleton: anybody's", TAKE, "s.lease_until < clock_timestamp()", "true"),
    mutant("singleton: for ever", TAKE, "s.lease_until < clock_timestamp()", "false"),
    mutant("singleton: not asked twice", TAKE, " or s.token = excluded.token", ""),
    mutant(
        "singleton: released by others", "release_prompt_singleton", "s.token = p_token", "true"
    ),
    Mutant(
        "retry many: any user",
        (
            Edit(MANY, "p_user_id is null or", "true or"),
            Edit(MANY, "o.id, p_user_id, p_actor", "o.id, null, p_actor"),
        ),
    ),
    mutant("retry many: any class", MANY, "p_error_code is null or", "true or"),
    mutant("retry many: no limit", MANY, "    limit p_limit\n", ""),
    mutant("prune: what jobs names", PRUNE, "d.prompt_job_id = j.id", "false"),
    mutant("prune: young ones", PRUNE, "secs => p_days * 86400", "secs => 0"),
    mutant("prune: calls of open jobs", "prune_provider_calls", "q.job_id = c.job_id", "false"),
    mutant("prune: young calls", "prune_provider_calls", "secs => p_days * 86400", "secs => 0"),
    mutant("tally: a cancel", CANCEL, "values (v_now, 'cancelled', 1)", "values (v_now, '', 1)"),
    mutant("tally: a quarantine", REAP, "select v_now, 'failed', count(*)", "select v_now, '', 1"),
    mutant("tally: a failure", SETTLE, "select v_now, 'failed', count(*)", "select v_now, '', 1"),
    mutant("tally: a success", COMPLETE, "'completed', count(*),", "'completed', 0,"),
    mutant("tally: a retry", RETRY, "('-infinity', 'failed', -1)", "('-infinity', 'failed', 0)"),
    mutant("tally: by hand", "adopt_plain_status_update", "new.status, 1);", "new.status, 0);"),
    mutant("tally: inserted", "prompt_jobs_inserted", "i.status, count(*)", "i.status, 0"),
    mutant("tally: deleted", "prompt_jobs_deleted", "d.status, -count(*)", "d.status, 0"),
    mutant("tally: compacted", "compact_prompt_queue_tally", "sum(t.jobs)", "max(t.jobs)"),
    mutant("prune: young events", "prune_prompt_job_events", "secs => p_days * 86400", "secs => 0"),
    *BREAKER_MUTANTS,
    *SHARING_MUTANTS,
    *PICTURE_MUTANTS,
)
SUITES = ((MUTANTS, SCENARIOS), (OUTBOX_MUTANTS, OUTBOX_SCENARIOS))


async def _main() -> int:
    clusters, survivors = Clusters(), 0
    try:
        url = await clusters.clone(EMBEDDED_MAJOR, "mutants")
        queue, other = await Acts.open(url), await Acts.open(url)
        for mutants, scenarios in SUITES:
            for planted in (AS_THEY_ARE, *mutants):
                found = await killer(queue, other, planted, scenarios)
                survivors += (found is None) is (planted is not AS_THEY_ARE)
                sys.stdout.write(f"{planted.name:50} {found or '-'}\n")
        await queue.close()
        await other.close()
    finally:
        clusters.stop()
    sys.stdout.write(
        f"{sum(len(mutants) for mutants, _ in SUITES)} mutants, {survivors} wrong verdicts\n"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
