-- Writes the queue's narrow table anew, without its dead rows. While somebody holds an old snapshot
-- (a dump, a long report, a forgotten transaction) vacuum may not remove them, and every look for the
-- head of a lane reads through all that were claimed since: a queue that was fast stands still.
-- TRUNCATE may. It is done only where it is worth its short lock: at least p_least_dead dead rows
-- by the statistics, few living ones, and a look that takes longer than p_least_ms. A snapshot from
-- before then sees an empty table; nothing reads this table with one, and what was claimed stays
-- fenced by its token. Returns whether it was done; false too where somebody is in the way.
create or replace function public.renew_prompt_job_queue(
  p_least_dead bigint default 5000, p_least_ms double precision default 1
)
returns boolean
language plpgsql
set search_path = ''
set lock_timeout = '150ms'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_dead bigint := pg_stat_get_dead_tuples('public.prompt_job_queue'::regclass);
  v_living bigint := pg_stat_get_live_tuples('public.prompt_job_queue'::regclass);
  v_began timestamptz;
  v_rows public.prompt_job_queue[];
begin
  if v_dead < p_least_dead or v_living > greatest(v_dead / 5, 1000) then
    return false;
  end if;
  v_began := clock_timestamp();
  perform (
    select q.job_id from public.prompt_job_queue q
    where q.state = 'ready' and q.priority = lane.priority::smallint
    order by q.claim_key, q.enqueued_at
    limit 1
  )
  from generate_series(1, 10) as lane (priority);
  if clock_timestamp() < v_began + make_interval(secs => p_least_ms / 1000) then
    return false;
  end if;
  if not pg_try_advisory_xact_lock(hashtextextended('prompt_queue.renew', 0)) then
    return false;
  end if;
  begin
    lock table public.prompt_job_queue in access exclusive mode;
    -- A statement sees what was committed when it began: nobody writes any more.
    select array_agg(q) into v_rows from public.prompt_job_queue q;
    truncate public.prompt_job_queue;
    insert into public.prompt_job_queue select (r).* from unnest(v_rows) as r;
  exception when lock_not_available or insufficient_privilege then
    return false;
  end;
  return true;
end
$$;
