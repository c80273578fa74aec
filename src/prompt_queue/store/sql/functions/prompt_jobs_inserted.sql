-- Makes every inserted job a full citizen, also one that a client inserted with the mission's
-- columns alone: its place in the queue, its first event, and a wake-up for one idle worker.
create or replace function public.prompt_jobs_inserted()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_claim_key bigint := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
  v_was_empty boolean := not exists (
    select from public.prompt_job_queue q where q.state = 'ready'
  );
begin
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
  select n.id, n.user_id, n.priority, v_claim_key + row_number() over (order by n.created_at, n.id)
  from inserted n
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
