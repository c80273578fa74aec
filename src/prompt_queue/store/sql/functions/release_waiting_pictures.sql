-- A prompt job that leaves the queue, in whatever way, takes the pictures with it that wait for it.
create or replace function public.release_waiting_pictures()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_waited_for uuid[];
begin
  select array_agg(distinct p.prompt_job_id) into v_waited_for
  from gone g
  join public.picture_jobs p on p.prompt_job_id = g.job_id and p.status = 'waiting_prompt';
  if v_waited_for is not null then
    perform public.release_picture_jobs(v_waited_for);
  end if;
  return null;
end
$$;
