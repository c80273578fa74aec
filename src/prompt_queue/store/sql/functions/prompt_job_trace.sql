-- The trace that a job belongs to, as the request that queued it said. Volatile, so that it sees the
-- job although it may have come after the statement that claims it began.
create or replace function public.prompt_job_trace(p_job_id uuid)
returns text
language sql
volatile
set search_path = ''
as $$
  select j.trace_context from public.prompt_generation_jobs j where j.id = p_job_id
$$;
