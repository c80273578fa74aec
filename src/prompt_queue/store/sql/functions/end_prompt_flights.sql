-- A job that leaves the queue ends its flight: whoever waited for it looks again at once, finds its
-- prompt, or asks in its place. Where it was refused for safety, so are they: asking the same again
-- would be charged and refused again.
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
  v_refused jsonb;
begin
  with over as (
    delete from public.prompt_flights f
    where f.leader_job_id in (select g.job_id from gone g)
    returning f.scope || ':' || f.key as name, f.leader_job_id
  )
  select array_agg(o.name),
    jsonb_agg(jsonb_build_object('flight', o.name, 'error', j.error, 'error_code', j.error_code))
      filter (where j.status = 'failed' and j.error_code = 'refused')
  into v_ended, v_refused
  from over o
  left join public.prompt_generation_jobs j on j.id = o.leader_job_id;
  if v_ended is null then
    return null;
  end if;
  if v_refused is not null then
    perform public.fail_prompt_followers(v_refused);
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
