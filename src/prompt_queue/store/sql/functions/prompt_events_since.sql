-- What a user may not have seen who has seen the event p_event last: all of the user's events whose
-- transaction had not ended when that one was written. Looks at no more than p_limit events of
-- anybody; looked_at says at how many.
create or replace function public.prompt_events_since(
  p_event bigint, p_user_id uuid, p_limit int
)
returns table (
  looked_at bigint, id bigint, job_id uuid, user_id uuid, kind text, data jsonb,
  created_at timestamptz
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with recent as materialized (
    select e.id, e.job_id, e.user_id, e.kind, e.data, e.created_at, e.transaction_id
    from public.prompt_job_events e
    where e.transaction_id >= (
      select s.horizon from public.prompt_job_events s where s.id = p_event
    )
    limit p_limit
  )
  select c.looked_at, r.id, r.job_id, r.user_id, r.kind, r.data, r.created_at
  from (select count(*) as looked_at from recent) c
  left join recent r on r.user_id = p_user_id and (
    r.id > p_event or r.transaction_id <> (
      select s.transaction_id from public.prompt_job_events s where s.id = p_event
    )
  )
  order by r.id
$$;
