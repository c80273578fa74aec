-- Looks at the first jobs of a lane, those before p_next_due and the first p_early anyway: who is
-- above their user's share of p_cap leaves the lane, and the ids of up to p_limit others are
-- returned, which stay locked; null if there is nobody to look at. The caller holds the lock of
-- claim_prompt_jobs().
create or replace function public.hold_back_capped_prompt_jobs(
  p_cap int, p_priority smallint, p_limit int, p_step interval, p_next_due timestamptz, p_early int
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
  v_in_flight jsonb := public.prompt_jobs_in_flight();
  v_admitted uuid[];
begin
  with waiting as materialized (
    select q.job_id, q.user_id, q.claim_key, q.enqueued_at,
      q.enqueued_at - p_step * q.priority as due
    from public.prompt_job_queue q
    where q.state = 'ready' and q.priority = p_priority
    order by q.claim_key, q.enqueued_at
    limit greatest(p_limit, 100)
    for update skip locked
  ),
  numbered as (
    select w.job_id, w.user_id, w.due,
      row_number() over (order by w.claim_key, w.enqueued_at) as place,
      row_number() over (partition by w.user_id order by w.claim_key, w.enqueued_at) as of_user
    from waiting w
  ),
  judged as materialized (
    select n.job_id, n.place,
      n.of_user + coalesce((v_in_flight ->> n.user_id::text)::int, 0) > p_cap as above_cap
    from numbered n
    where p_next_due is null or n.due <= p_next_due or n.place <= p_early
  ),
  chosen as (
    select j.job_id, j.place from judged j where not j.above_cap order by j.place limit p_limit
  ),
  set_aside as (
    update public.prompt_job_queue q
    set state = 'capped'
    from judged j
    where q.job_id = j.job_id and j.above_cap
  )
  select coalesce((select array_agg(c.job_id order by c.place) from chosen c), '{}')
  into v_admitted
  from judged
  having count(*) > 0;
  return v_admitted;
end
$$;
