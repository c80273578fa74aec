-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> prompt_events_after
-- The events about these jobs or users that the snapshot p_seen does not show and the caller's does:
-- those of transactions that began after it, and those of transactions that were open in it. Each is
-- found once, however late it commits, and a transaction that stays open costs one look into an index.
create or replace function public.prompt_events_after(
  p_seen pg_snapshot, p_jobs uuid[], p_users uuid[], p_limit int
)
returns table (
  id bigint, job_id uuid, user_id uuid, kind text, data jsonb, created_at timestamptz
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  select n.id, n.job_id, n.user_id, n.kind, n.data, n.created_at
  from (
    select e.* from public.prompt_job_events e
    where e.transaction_id >= pg_snapshot_xmax(p_seen)
    union all
    select e.* from pg_snapshot_xip(p_seen) x
    cross join lateral (
      select o.* from public.prompt_job_events o where o.transaction_id = x
      -- One look into the index each, whatever the statistics say of a transaction that wrote much.
      offset 0
    ) e
  ) n
  where n.job_id = any (p_jobs) or n.user_id = any (p_users)
  limit p_limit
$$;
-- <<< prompt_events_after

-- >>> prompt_events_since
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
-- <<< prompt_events_since
