-- What a model has written so far for a job that is open, or for the identical one that it follows.
-- Nothing once the lease under which it was written is over: half a prompt never outlives its call.
create or replace function public.prompt_partial(p_job_id uuid)
returns table (partial text, updated_at timestamptz)
language sql
stable
set search_path = ''
as $$
  select p.partial, p.updated_at
  from public.prompt_job_queue q
  left join public.prompt_flights f
    on f.scope = split_part(q.follows, ':', 1)::uuid and f.key = split_part(q.follows, ':', 2)
  join public.prompt_partials p on p.job_id = coalesce(f.leader_job_id, q.job_id)
  join public.prompt_job_queue l on l.job_id = p.job_id and l.lease_token = p.lease_token
  where q.job_id = p_job_id and p.partial <> ''
$$;
