-- What workers hold: prompts with the model that was asked last, and pictures; since_seconds since
-- they took it, or since it was bought. A thousand of each at most.
create or replace function public.jobs_in_hand()
returns table (
  worker text, job_id uuid, kind text, user_id uuid, priority int, model text,
  since_seconds double precision
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  (
    select q.worker, q.job_id, 'prompt' as kind, q.user_id, q.priority, c.model,
      extract(epoch from clock_timestamp() - j.updated_at)::float8 as since_seconds
    from public.prompt_job_queue q
    join public.prompt_generation_jobs j on j.id = q.job_id
    left join lateral (
      select l.model from public.provider_calls l
      where l.job_id = q.job_id order by l.started_at desc limit 1
    ) c on true
    where q.state = 'leased'
    limit 1000
  )
  union all
  (
    select p.worker, p.job_id, 'picture', p.user_id, p.priority, p.generation_model,
      extract(epoch from clock_timestamp() - coalesce(p.submitted_at, p.updated_at))::float8
    from public.picture_jobs p
    where p.lease_until is not null
    limit 1000
  )
$$;
