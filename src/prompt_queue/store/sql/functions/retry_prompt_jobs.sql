-- Reopens failed jobs, the youngest first, at most p_limit of them; null in a filter means any.
-- Returns how many.
create or replace function public.retry_prompt_jobs(
  p_user_id uuid default null,
  p_error_code text default null,
  p_failed_after timestamptz default null,
  p_failed_before timestamptz default null,
  p_limit int default 1000,
  p_actor text default 'operator'
)
returns bigint
language sql
set search_path = ''
as $$
  with wanted as materialized (
    select j.id
    from public.prompt_generation_jobs j
    where j.status = 'failed' and j.error_code is not null
      and (p_user_id is null or j.user_id = p_user_id)
      and (p_error_code is null or j.error_code = p_error_code)
      and (p_failed_after is null or j.updated_at >= p_failed_after)
      and (p_failed_before is null or j.updated_at < p_failed_before)
    order by j.created_at desc
    limit p_limit
  ),
  retried as materialized (
    select o.id
    from (select w.id from wanted w order by w.id) o
    cross join lateral public.retry_prompt_job(o.id, p_user_id, p_actor) r
    where r.outcome = 'retried'
  ),
  logged as (
    insert into public.prompt_operator_log (actor, act, about, detail)
    select p_actor, 'retried', coalesce(p_error_code, 'failed jobs'),
      jsonb_build_object('changed', count(*))
    from retried r
    where p_user_id is null
    having count(*) > 0
  )
  select count(*) from retried
$$;
