-- The status of a job by those of its pictures: while one is on its way, the furthest of these; at
-- the end succeeded if any did, cancelled if all were, else failed.
create or replace function public.picture_job_status(p_statuses text[])
returns text
language sql
immutable
set search_path = ''
as $$
  select coalesce(
    (
      select s.status
      from unnest(array[
        'saving', 'running', 'submitted', 'submission_unknown', 'submitting', 'queued',
        'waiting_prompt'
      ]) with ordinality as s (status, nth)
      where s.status = any (p_statuses)
      order by s.nth limit 1
    ),
    case
      when 'succeeded' = any (p_statuses) then 'succeeded'
      when 'failed' = any (p_statuses) then 'failed'
      else 'cancelled'
    end
  )
$$;
