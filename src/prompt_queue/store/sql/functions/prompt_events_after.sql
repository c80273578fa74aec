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
