-- A job that is deleted, also by a cascade from its row, model or user, leaves the queue with it.
create or replace function public.prompt_jobs_deleted()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_job_queue q using deleted d where q.job_id = d.id;
  return null;
end
$$;
