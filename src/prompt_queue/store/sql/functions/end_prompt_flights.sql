-- A job that leaves the queue ends its flight: whoever waited for it looks again at once, finds its
-- prompt, or asks in its place.
create or replace function public.end_prompt_flights()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_ended text[];
begin
  with over as (
    delete from public.prompt_flights f
    where f.leader_job_id in (select g.job_id from gone g)
    returning f.scope || ':' || f.key as name
  )
  select array_agg(o.name) into v_ended from over o;
  if v_ended is null then
    return null;
  end if;
  update public.prompt_job_queue q
  set next_attempt_at = clock_timestamp()
  where q.follows = any (v_ended) and q.state = 'delayed';
  if found then
    notify prompt_queue;
  end if;
  return null;
end
$$;
