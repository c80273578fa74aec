-- Makes every inserted job a full citizen, also one that a client inserted with the mission's
-- columns alone: its place in the queue, its first event, and a wake-up for one idle worker.
create or replace function public.prompt_jobs_inserted()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_was_empty boolean := not exists (
    select from public.prompt_job_queue q where q.state = 'ready'
  );
begin
  if exists (select from inserted i where i.status in ('completed', 'failed', 'cancelled')) then
    insert into public.prompt_queue_tally (at, status, jobs)
    select '-infinity', i.status, count(*)
    from inserted i
    where i.status in ('completed', 'failed', 'cancelled')
    group by i.status;
  end if;
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key, enqueued_at)
  with turns as materialized (
    select d.user_id, d.priority, public.prompt_claim_key(d.user_id, d.priority) as first_key
    from (select distinct i.user_id, i.priority from inserted i where i.status = 'queued') d
  )
  select n.id, n.user_id, n.priority,
    t.first_key - 1
      + row_number() over (partition by n.user_id, n.priority order by n.created_at, n.id),
    -- Neighbours of one statement keep their order.
    v_now + make_interval(secs => row_number() over (order by n.created_at, n.id) / 1000000.0)
  from inserted n
  join turns t on t.user_id = n.user_id and t.priority = n.priority
  where n.status = 'queued';
  if not found then
    return null;
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  select n.id, n.user_id, 'queued', jsonb_build_object('priority', n.priority)
  from inserted n
  where n.status = 'queued';
  -- A busy queue needs no wake-up, and NOTIFY makes concurrent commits queue for one lock.
  if v_was_empty then
    notify prompt_queue;
  end if;
  return null;
end
$$;
