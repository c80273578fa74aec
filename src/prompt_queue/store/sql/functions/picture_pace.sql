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
