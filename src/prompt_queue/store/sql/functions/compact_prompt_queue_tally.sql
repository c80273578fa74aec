-- Puts the lines of prompt_queue_tally together: one a status and ten seconds of the last hours,
-- one a status for all that is older. Returns how many lines were read; whoever reads or writes at
-- the same time sees the sums unchanged.
create or replace function public.compact_prompt_queue_tally()
returns bigint
language sql
set search_path = ''
as $$
  with taken as (
    delete from public.prompt_queue_tally returning *
  ),
  summed as (
    insert into public.prompt_queue_tally
      (at, status, jobs, measured, wait_seconds, processing_seconds)
    select max(t.at), t.status, sum(t.jobs), sum(t.measured), sum(t.wait_seconds),
      sum(t.processing_seconds)
    from (
      select *, case when k.at > clock_timestamp() - interval '2 hours'
        then date_bin('10 seconds', k.at, 'epoch') end as bin
      from taken k
    ) t
    group by t.bin, t.status
  )
  select count(*) from taken
$$;
