-- How a job's request wants to be served: from the cache, and watched. Volatile, so that it sees the
-- job although it may have come after the statement that claims it began.
create or replace function public.prompt_job_wishes(p_job_id uuid)
returns table (cache text, stream boolean)
language sql
volatile
set search_path = ''
as $$
  select j.cache, j.stream from public.prompt_generation_jobs j where j.id = p_job_id
$$;
