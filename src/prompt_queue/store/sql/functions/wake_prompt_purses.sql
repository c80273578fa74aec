-- Lets jobs look again that wait for the budget of their user; the nil id means all users. At most
-- p_limit of each kind, the others look by themselves. Returns how many.
create or replace function public.wake_prompt_purses(p_user uuid, p_limit int default 10000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_everybody boolean := p_user = '00000000-0000-0000-0000-000000000000';
  v_prompts int;
  v_pictures int;
begin
  with parked as materialized (
    select q.job_id
    from public.prompt_job_queue q
    join public.prompt_generation_jobs j on j.id = q.job_id
    where q.state = 'delayed' and q.next_attempt_at > clock_timestamp()
      and j.error_code = 'user_budget' and (v_everybody or q.user_id = p_user)
    order by q.next_attempt_at
    limit p_limit
    for update of q skip locked
  )
  update public.prompt_job_queue q set state = 'ready' from parked p where q.job_id = p.job_id;
  get diagnostics v_prompts = row_count;
  with parked as materialized (
    select p.id
    from public.picture_jobs p
    where p.status = 'queued' and p.due_at > clock_timestamp() and p.error_code = 'user_budget'
      and (v_everybody or p.user_id = p_user)
    order by p.due_at
    limit p_limit
    for update skip locked
  )
  update public.picture_jobs p set due_at = clock_timestamp() from parked d where p.id = d.id;
  get diagnostics v_pictures = row_count;
  if v_prompts + v_pictures > 0 then
    notify prompt_queue;
  end if;
  return v_prompts + v_pictures;
end
$$;
