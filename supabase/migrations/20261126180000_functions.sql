-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> picture_pace
-- How long the last 100 pictures took from the submit to our storage, in seconds: on average, the
-- median and the ninth tenth. Null where there are none.
create or replace function public.picture_pace()
returns table (slot double precision, median double precision, p90 double precision)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
begin
  return query
  select avg(p.seconds)::float8,
    percentile_cont(0.5) within group (order by p.seconds)::float8,
    percentile_cont(0.9) within group (order by p.seconds)::float8
  from (
    select extract(epoch from q.completed_at - coalesce(q.submitted_at, q.created_at)) as seconds
    from public.picture_jobs q
    where q.status = 'succeeded'
    order by q.completed_at desc
    limit 100
  ) p;
end
$$;
-- <<< picture_pace

-- >>> webhook_is_due
-- Whether a message is due; an expired lease of one is taken back by the claim.
create or replace function public.webhook_is_due()
returns boolean
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return exists (
    select from public.webhook_messages m
    where m.state = 'waiting' and m.due_at <= clock_timestamp() order by m.due_at limit 1
  ) or exists (
    select from public.webhook_messages m
    where m.state = 'sending' and m.lease_until < clock_timestamp() order by m.lease_until limit 1
  );
end
$$;
-- <<< webhook_is_due
