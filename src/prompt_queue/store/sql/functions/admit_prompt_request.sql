-- Whether a user may have so many more open prompts and pictures, see prompt_user_limits; to be
-- asked in the transaction that makes them, for whose length others of the same user wait. Verdict:
-- admitted; too_many_queued; too_many_pictures, with the seconds until the day is over.
create or replace function public.admit_prompt_request(
  p_user uuid, p_prompts int, p_pictures int default 0
)
returns table (verdict text, allowed int, retry_seconds double precision)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_limit record;
  v_now timestamptz;
  v_open bigint;
  v_made bigint;
begin
  select * into v_limit from public.prompt_user_limit(p_user);
  if v_limit.queued is null and v_limit.pictures_a_day is null then
    return query select 'admitted', null::int, null::double precision;
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('prompt-queue door ' || p_user, 0));
  v_now := clock_timestamp();
  if v_limit.queued is not null then
    select count(*) into v_open
    from (
      (select 1 from public.prompt_job_queue q
      where q.user_id = p_user and q.state = 'ready' limit v_limit.queued + 1)
      union all
      (select 1 from public.prompt_job_queue q
      where q.user_id = p_user and q.state = 'leased' limit v_limit.queued + 1)
      union all
      (select 1 from public.prompt_job_queue q
      where q.user_id = p_user and q.state = 'delayed' limit v_limit.queued + 1)
      union all
      (select 1 from public.prompt_job_queue q
      where q.user_id = p_user and q.state = 'capped' limit v_limit.queued + 1)
      union all
      (select 1 from public.picture_jobs p
      where p.user_id = p_user
        and p.status not in ('waiting_prompt', 'succeeded', 'failed', 'cancelled')
      limit v_limit.queued + 1)
    ) o;
    -- Pictures that wait for a prompt are open as that prompt.
    if v_open + coalesce(nullif(p_prompts, 0), p_pictures) > v_limit.queued then
      return query select 'too_many_queued', v_limit.queued, null::double precision;
      return;
    end if;
  end if;
  if v_limit.pictures_a_day is not null and p_pictures > 0 then
    select count(*) into v_made
    from public.picture_jobs p
    where p.user_id = p_user
      and p.created_at >= date_trunc('day', v_now at time zone 'utc') at time zone 'utc';
    if v_made + p_pictures > v_limit.pictures_a_day then
      return query select 'too_many_pictures', v_limit.pictures_a_day,
        86400 - mod(extract(epoch from v_now), 86400)::double precision;
      return;
    end if;
  end if;
  return query select 'admitted', null::int, null::double precision;
end
$$;
