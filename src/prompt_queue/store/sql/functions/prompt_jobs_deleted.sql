-- A job that is deleted, also by a cascade from its row, model or user, leaves the queue with it,
-- takes what was thought of it along, and is counted no longer.
create or replace function public.prompt_jobs_deleted()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_job_queue q using deleted d where q.job_id = d.id;
  delete from public.prompt_feedback f using deleted d where f.job_id = d.id;
  insert into public.prompt_queue_tally (at, status, jobs)
  select '-infinity', d.status, -count(*)
  from deleted d
  where d.status in ('completed', 'failed', 'cancelled')
  group by d.status;
  return null;
end
$$;
