-- How long prompts take, in seconds: slot is what one costs of a slot on average by the last 200
-- calls of half an hour, those under way with what they have taken so far; median and p90 lie
-- between start and end of jobs that completed within the last 500 events. Null where nothing was measured.
create or replace function public.prompt_pace()
returns table (slot double precision, median double precision, p90 double precision)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
as $$
begin
  return query
  with calls as (
    select extract(
        epoch from coalesce(c.ended_at, clock_timestamp()) - coalesce(c.send_at, c.started_at)
      ) as seconds,
      c.ended_at is not null and c.error_code is null as good
    from (
      select * from public.provider_calls l order by l.started_at desc limit 200
    ) c
    left join lateral (
      select true as held from public.prompt_job_queue q
      where q.job_id = c.job_id and q.lease_token = c.lease_token
      limit 1
    ) h on true
    where c.leg = 'prompt' and c.started_at > clock_timestamp() - interval '30 minutes'
      and (c.ended_at is not null or h.held)
  ),
  jobs as (
    select extract(epoch from j.completed_at - j.started_at) as seconds
    from (
      select e.job_id, e.kind from public.prompt_job_events e order by e.id desc limit 500
    ) e
    join public.prompt_generation_jobs j on j.id = e.job_id
    where e.kind = 'completed'
  )
  select (select sum(greatest(c.seconds, 0)) / nullif(count(*) filter (where c.good), 0) from calls c)
      ::float8 as slot,
    percentile_cont(0.5) within group (order by j.seconds)::float8 as median,
    percentile_cont(0.9) within group (order by j.seconds)::float8 as p90
  from jobs j
  where j.seconds is not null;
end
$$;
