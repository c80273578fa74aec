-- How many jobs will be claimed before this one, counted up to p_limit; those of paused priorities
-- will not. Null if it does not wait.
create or replace function public.prompt_job_position(p_job_id uuid, p_limit int default 1000)
returns int
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_place public.prompt_job_queue;
  v_above int;
  v_before int := 0;
  v_stopped smallint[] := array(select u.priority from public.prompt_queue_paused_priorities u);
begin
  select * into v_place
  from public.prompt_job_queue q where q.job_id = p_job_id and q.state <> 'leased';
  if not found then
    return null;
  end if;
  select count(*) into v_above from (
    select from generate_series(v_place.priority + 1, 10) as l (lane)
    cross join lateral (
      select q.job_id from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = l.lane::smallint
      limit p_limit
    ) q
    where l.lane <> all (v_stopped)
    limit p_limit
  ) lanes_above;
  if v_above < p_limit then
    select count(*) into v_before from (
      select from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_place.priority
        and (q.claim_key, q.enqueued_at) < (v_place.claim_key, v_place.enqueued_at)
      limit p_limit - v_above
    ) same_lane;
  end if;
  return v_above + v_before;
end
$$;
