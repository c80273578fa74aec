-- Waits for everybody else who is about to spend for the users of these calls, for as long as the
-- transaction lasts; only users with a budget are waited for.
create or replace function public.lock_prompt_purses(p_calls jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
  if not exists (select from public.prompt_user_limits l where l.usd_a_day is not null) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('prompt-queue purse ' || u.user_id, 0))
  from (
    select distinct coalesce(q.user_id, p.user_id) as user_id
    from jsonb_array_elements(p_calls) o
    left join public.prompt_job_queue q on q.job_id = (o ->> 'job_id')::uuid
    left join public.picture_jobs p on p.id = (o ->> 'job_id')::uuid and o ->> 'leg' = 'picture'
    where coalesce(q.user_id, p.user_id) is not null
    order by 1
  ) u
  cross join lateral public.prompt_user_limit(u.user_id) l
  where l.usd_a_day is not null;
end
$$;
