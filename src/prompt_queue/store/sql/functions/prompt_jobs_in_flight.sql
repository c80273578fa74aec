-- How many jobs of each user are processing, as an object: user id -> jobs.
create or replace function public.prompt_jobs_in_flight()
returns jsonb
language sql
stable
set search_path = ''
set enable_seqscan = off
as $$
  select coalesce(jsonb_object_agg(u.user_id, u.jobs), '{}')
  from (
    select q.user_id, count(*) as jobs
    from public.prompt_job_queue q
    where q.state = 'leased'
    group by q.user_id
  ) u
$$;
