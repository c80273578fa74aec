-- Lets jobs look again at once that wait for a model to work again: for credit, for a key, for a
-- breaker. To be called when it does; at most p_limit, the others look by themselves. Returns how
-- many.
create or replace function public.wake_parked_prompt_jobs(p_limit int default 10000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with parked as materialized (
    select q.job_id
    from public.prompt_job_queue q
    join public.prompt_generation_jobs j on j.id = q.job_id
    where q.state = 'delayed' and q.next_attempt_at > v_now
      and j.error_code in ('out_of_credit', 'misconfigured', 'breaker_open')
    limit p_limit
    -- Nobody is waited for: callers hold the rows of models, for which others wait.
    for update of q skip locked
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from parked p
  where q.job_id = p.job_id;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
