-- How a job uses the cache, as its request says; also of one that a claim found after it began.
create or replace function public.prompt_job_cache(p_job_id uuid)
returns text
language sql
volatile
set search_path = ''
as $$
  select j.cache from public.prompt_generation_jobs j where j.id = p_job_id
$$;
