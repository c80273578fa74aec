-- Takes up to p_limit claimable jobs and returns their ids. The ten lanes are asked in the order
-- of their heads' age, where one step of priority counts as ageing_seconds of waiting; a lane
-- gives jobs until the next lane's head is due. With a cap, jobs above their user's share leave
-- the lanes, and callers take turns, because only then is the count exact.
create or replace function public.lease_prompt_jobs(
  p_limit int, p_worker text, p_lease_seconds double precision, p_attempt_seconds double precision
)
returns uuid[]
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_settings public.prompt_queue_settings;
  v_cap int;
  v_step interval;
  v_lane record;
  v_empty smallint[] := '{}';
  v_taken uuid[];
  v_seen int;
  v_leased uuid[] := '{}';
begin
  select * into v_settings from public.prompt_queue_settings s where s.only_row;
  v_cap := v_settings.user_in_flight_cap;
  v_step := make_interval(secs => coalesce(v_settings.ageing_seconds, 600));
  if v_cap is not null or exists (
    select from public.prompt_job_queue q where q.state = 'capped'
  ) then
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.cap', 0));
    perform public.admit_capped_prompt_jobs(v_cap);
  end if;
  for v_round in 1..50 loop
    exit when cardinality(v_leased) >= p_limit;
    select h.priority, lead(h.due) over (order by h.due) as next_due into v_lane
    from generate_series(1, 10) as lane (priority)
    cross join lateral (
      select q.priority, q.enqueued_at - v_step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = lane.priority::smallint
      order by q.claim_key, q.enqueued_at
      limit 1
    ) h
    where h.priority <> all (v_empty)
    order by h.due
    limit 1;
    exit when not found;
    with waiting as materialized (
      select q.job_id, q.user_id, q.claim_key, q.enqueued_at,
        q.enqueued_at - v_step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_lane.priority
      order by q.claim_key, q.enqueued_at
      limit greatest(p_limit - cardinality(v_leased), case when v_cap is null then 0 else 100 end)
      for update skip locked
    ),
    numbered as (
      select w.*, row_number() over (order by w.claim_key, w.enqueued_at) as place,
        row_number() over (partition by w.user_id order by w.claim_key, w.enqueued_at) as of_user
      from waiting w
    ),
    judged as materialized (
      select n.job_id, n.place,
        case when v_cap is null then false else n.of_user + (
          select count(*)
          from public.prompt_job_queue o
          where o.user_id = n.user_id and o.state = 'leased'
        ) > v_cap end as above_cap
      from numbered n
      -- The head may be in another's hands, and who stands behind it not yet due. The last part
      -- keeps large claims from looking at the lanes once a job.
      where v_lane.next_due is null or n.due <= v_lane.next_due or n.place <= p_limit / 8
    ),
    chosen as materialized (
      select j.job_id, j.place from judged j where not j.above_cap
      order by j.place
      limit p_limit - cardinality(v_leased)
    ),
    leased as (
      update public.prompt_job_queue q
      set state = 'leased', lease_token = gen_random_uuid(),
        lease_until = v_now + make_interval(secs => p_lease_seconds),
        attempt_until = v_now + make_interval(secs => p_attempt_seconds),
        worker = p_worker, next_attempt_at = null
      from chosen c
      where q.job_id = c.job_id
      returning q.job_id, c.place
    ),
    set_aside as (
      update public.prompt_job_queue q
      set state = 'capped'
      from judged j
      where q.job_id = j.job_id and j.above_cap
    )
    select (select array_agg(l.job_id order by l.place) from leased l), (select count(*) from judged)
    into v_taken, v_seen;
    v_leased := v_leased || coalesce(v_taken, '{}');
    if v_seen = 0 then
      v_empty := v_empty || v_lane.priority;
    end if;
  end loop;
  return v_leased;
end
$$;
