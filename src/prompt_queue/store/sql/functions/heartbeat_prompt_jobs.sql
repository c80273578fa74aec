-- Renews the leases whose token is still the current one, at most up to the end of their attempt,
-- and returns their ids, of prompts and pictures; one that is missing from the answer is no longer the caller's.
create or replace function public.heartbeat_prompt_jobs(
  p_job_ids uuid[],
  p_lease_tokens uuid[],
  p_lease_seconds double precision
)
returns setof uuid
language sql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with held as materialized (
    select q.job_id
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    join public.prompt_job_queue q on q.job_id = h.job_id and q.lease_token = h.lease_token
    order by q.job_id
    for update of q
  ),
  pictures as (
    update public.picture_jobs p
    set lease_until = least(
      clock_timestamp() + make_interval(secs => p_lease_seconds), p.attempt_until
    )
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    where p.id = h.job_id and p.lease_token = h.lease_token
    returning p.id
  ),
  prompts as (
    update public.prompt_job_queue q
    set lease_until = least(
      clock_timestamp() + make_interval(secs => p_lease_seconds), q.attempt_until
    )
    from held
    where q.job_id = held.job_id
    returning q.job_id
  )
  select r.job_id from prompts r
  union all
  select r.id from pictures r
$$;
