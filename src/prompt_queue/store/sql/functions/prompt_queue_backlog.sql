-- How much there is to do: prompts by state and priority, pictures by status, webhooks that are to be
-- sent. Counting reads them all, so a count that took 20 ms or more serves everybody, in whichever
-- process, until it is p_times as old as that, and twice as old while somebody makes the next one.
-- seconds is the age of the count.
create or replace function public.prompt_queue_backlog(p_times double precision default 300)
returns table (kind text, state text, priority smallint, jobs bigint, seconds double precision)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.backlog'
as $$
#variable_conflict use_column
declare
  v_is public.prompt_queue_counted;
  v_began timestamptz := clock_timestamp();
  v_kept boolean;
  v_age double precision;
  v_took double precision;
begin
  select c.* into v_is from public.prompt_queue_counted c;
  v_kept := found;
  v_age := extract(epoch from v_began - v_is.counted_at) / (v_is.took_seconds * p_times);
  if not v_kept or v_age > 2 or (
    v_age > 1 and pg_try_advisory_xact_lock(hashtextextended('prompt_queue.backlog', 0))
  ) then
    select jsonb_agg(b) into v_is.counts
    from (
      select 'prompt' as kind, q.state, q.priority, count(*) as jobs
      from public.prompt_job_queue q
      group by q.state, q.priority
      union all
      select 'picture', p.status, null, count(*)
      from public.picture_jobs p
      where p.status in ('submitting', 'submission_unknown', 'submitted', 'running')
      group by p.status
      union all
      select 'picture', 'queued', null, count(*) from public.picture_jobs p where p.status = 'queued'
      union all
      select 'webhook', 'pending', null, count(*)
      from public.webhook_messages m where m.state in ('waiting', 'sending')
    ) b;
    v_is.counted_at := clock_timestamp();
    v_took := extract(epoch from v_is.counted_at - v_began);
    if v_took >= 0.02 then
      insert into public.prompt_queue_counted as c (only_row, counted_at, took_seconds, counts)
      values (true, v_is.counted_at, v_took, v_is.counts)
      on conflict (only_row) do update
      set counted_at = excluded.counted_at, took_seconds = excluded.took_seconds,
        counts = excluded.counts;
    elsif v_kept then
      delete from public.prompt_queue_counted;
    end if;
  end if;
  return query
  select b.kind, b.state, b.priority, b.jobs,
    greatest(extract(epoch from clock_timestamp() - v_is.counted_at), 0)::double precision
  from jsonb_to_recordset(v_is.counts) as b (
    kind text, state text, priority smallint, jobs bigint
  );
end
$$;
