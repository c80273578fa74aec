-- What a job's request says beyond pictures and priority. Volatile, so that it sees the job although
-- it may have come after the statement that claims it began.
create or replace function public.prompt_job_options(p_job_id uuid)
returns table (
  min_quality text, operation text, existing_prompt text, user_instructions text
)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select j.min_quality, j.operation, j.existing_prompt, j.user_instructions
  from public.prompt_generation_jobs j
  where j.id = p_job_id;
end
$$;
