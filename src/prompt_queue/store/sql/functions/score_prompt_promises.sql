-- Compares promises with what came of them: those about jobs that have just ended, and those whose
-- time is over. Half a promise is closed once its event is known or overdue; it is void where the
-- job was cancelled. What was kept is counted in prompt_promise_tally, one line a kind and ten
-- minutes. Returns how many promises were touched; one caller at a time does anything.
create or replace function public.score_prompt_promises(p_limit int default 2000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_from bigint;
  v_last bigint;
  v_scored int;
begin
  if not exists (select from public.prompt_promises p where p.done_due_at is not null)
    and not exists (select from public.prompt_promises p where p.start_due_at is not null)
    or not pg_try_advisory_xact_lock(hashtextextended('prompt_queue.promises', 0)) then
    return 0;
  end if;
  -- What committed late has a lower number than what was seen.
  select coalesce(
    s.promises_scored_event, (select max(e.id) from public.prompt_job_events e), 0
  ) - 1000
  into v_from
  from public.prompt_queue_settings s
  where s.only_row;
  with read as materialized (
    select e.id, e.job_id, e.kind from public.prompt_job_events e
    where e.id > v_from
    order by e.id
    limit 1000 + 4 * p_limit
  ),
  ended as materialized (
    select distinct r.job_id as id from read r
    where r.kind in (
      'completed', 'failed', 'cancelled', 'picture_succeeded', 'picture_failed', 'picture_cancelled'
    )
  ),
  chosen as materialized (
    select p.job_id, p.made_at
    from ended e
    join public.prompt_promises p on p.job_id = e.id
    where p.start_due_at is not null or p.done_due_at is not null
    union
    (
      select p.job_id, p.made_at from public.prompt_promises p
      where p.start_due_at <= v_now order by p.start_due_at limit p_limit
    )
    union
    (
      select p.job_id, p.made_at from public.prompt_promises p
      where p.done_due_at <= v_now order by p.done_due_at limit p_limit
    )
  ),
  judged as materialized (
    select p.job_id, p.made_at, p.leg, f.is_void, f.started_at, f.ended_at,
      p.start_scored_at is not null as start_known, p.done_scored_at is not null as done_known,
      p.start_kept as start_was, p.done_kept as done_was,
      f.started_at is not null or p.start_due_at <= v_now as start_closes,
      f.ended_at is not null or p.done_due_at <= v_now as done_closes,
      extract(epoch from coalesce(f.started_at, v_now) - p.made_at) as start_after,
      extract(epoch from coalesce(f.ended_at, v_now) - p.made_at) as done_after
    from chosen c
    join public.prompt_promises p on p.job_id = c.job_id and p.made_at = c.made_at
    cross join lateral public.prompt_promise_facts(p.job_id, p.leg) f
  ),
  scored as (
    update public.prompt_promises p
    set started_at = j.started_at, ended_at = j.ended_at,
      start_due_at = case when not (j.is_void or j.start_closes) then p.start_due_at end,
      done_due_at = case when not (j.is_void or j.done_closes) then p.done_due_at end,
      start_kept = case when j.start_closes and not j.is_void
        then j.started_at is not null and j.start_after <= p.start_p90 else p.start_kept end,
      done_kept = case when j.done_closes and not j.is_void
        then j.ended_at is not null and j.done_after <= p.done_p90 else p.done_kept end,
      start_error = case when j.start_closes and not j.is_void
        then (j.start_after - p.start_base) / p.start_spread else p.start_error end,
      done_error = case when j.done_closes and not j.is_void
        then (j.done_after - p.done_base) / p.done_spread else p.done_error end,
      start_scored_at = case when j.start_closes and not j.is_void
        then coalesce(p.start_scored_at, v_now) else p.start_scored_at end,
      done_scored_at = case when j.done_closes and not j.is_void
        then coalesce(p.done_scored_at, v_now) else p.done_scored_at end
    from judged j
    where p.job_id = j.job_id and p.made_at = j.made_at
    returning j.leg, j.start_known, j.done_known, j.start_was, j.done_was,
      p.start_scored_at, p.done_scored_at, p.start_kept, p.done_kept
  ),
  counted as (
    insert into public.prompt_promise_tally as t (at, kind, kept, scored)
    select date_bin('10 minutes', v_now, 'epoch'), c.kind,
      sum(c.kept::int - (c.known and c.was)::int), sum((not c.known)::int)
    from scored s
    cross join lateral (values
      (case s.leg when 'prompt' then 'start' end, s.start_known, s.start_was, s.start_scored_at,
        s.start_kept),
      (case s.leg when 'prompt' then 'done' else 'picture' end, s.done_known, s.done_was,
        s.done_scored_at, s.done_kept)
    ) c (kind, known, was, scored_at, kept)
    where c.kind is not null and c.scored_at is not null
    group by c.kind
    on conflict (at, kind) do update
    set kept = t.kept + excluded.kept, scored = t.scored + excluded.scored
  )
  select (select max(r.id) from read r), (select count(*) from scored) into v_last, v_scored;
  update public.prompt_queue_settings s
  set promises_scored_event = v_last
  where s.only_row and s.promises_scored_event is distinct from v_last and v_last is not null;
  return v_scored;
end
$$;
