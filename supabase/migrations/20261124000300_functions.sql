-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> adopt_plain_status_update
-- A client that writes prompt_generation_jobs.status itself instead of calling the functions:
-- ending an open job is carried through to the queue, dependents and events; anything else would
-- break the lease and is refused.
create or replace function public.adopt_plain_status_update()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.status not in ('completed', 'failed', 'cancelled') then
    raise exception 'the status of prompt job % cannot be set to % by hand', old.id, new.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'call claim_prompt_jobs() or update_prompt_job_status()';
  end if;
  delete from public.prompt_job_queue q where q.job_id = new.id;
  new.completed_at := coalesce(new.completed_at, clock_timestamp());
  new.updated_at := clock_timestamp();
  update public.jobs d
  set prompt_status = case new.status when 'completed' then 'completed' else 'failed' end
  where d.prompt_job_id = new.id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values
    (new.id, new.user_id, 'unfenced_write', jsonb_build_object('status', new.status)),
    (new.id, new.user_id, new.status, '{}');
  return new;
end
$$;
-- <<< adopt_plain_status_update

-- >>> adopt_prompt_job
-- A client that marks one chosen job as processing itself instead of claiming: it gets a long lease
-- with a token that it does not know, or, where the job is already processing, a longer one.
create or replace function public.adopt_prompt_job(p_job_id uuid, p_lease_token uuid default null)
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.claim'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user_id uuid;
begin
  update public.prompt_job_queue q
  set state = 'leased', lease_token = coalesce(q.lease_token, gen_random_uuid()),
    lease_until = greatest(q.lease_until, v_now + interval '5 minutes'),
    worker = coalesce(q.worker, 'rpc'), next_attempt_at = null
  where q.job_id = p_job_id and (p_lease_token is null or q.lease_token = p_lease_token)
  returning q.user_id into v_user_id;
  if v_user_id is null then
    return false;
  end if;
  update public.prompt_generation_jobs j
  set status = 'processing', started_at = coalesce(j.started_at, v_now), updated_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user_id, 'claimed', jsonb_build_object('worker', 'rpc'));
  return true;
end
$$;
-- <<< adopt_prompt_job

-- >>> begin_provider_calls
-- Writes the intent of paid calls before a byte leaves. p_calls is an array of
-- {call_id, job_id, lease_token, model, provider, leg, worker}. Verdict per call: granted;
-- lease_lost (the token is not the current one); outcome_unknown (more than max_retries sends of
-- this job never got an answer, so that another one could buy the same thing again).
create or replace function public.begin_provider_calls(p_calls jsonb)
returns table (call_id uuid, verdict text)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  with asked as materialized (
    select *
    from jsonb_to_recordset(p_calls) as c (
      call_id uuid, job_id uuid, lease_token uuid, model text, provider text, leg text, worker text
    )
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select a.job_id from asked a)
    order by q.job_id
    for update
  ),
  judged as materialized (
    select a.*, h.user_id,
      case
        when h.lease_token is null or h.lease_token <> a.lease_token then 'lease_lost'
        when (
          select count(*)
          from public.provider_calls c
          where c.job_id = a.job_id and c.leg = coalesce(a.leg, 'prompt')
            and c.call_id <> a.call_id and c.state <> 'answered' and c.started_at > coalesce(j.retried_at, '-infinity')
        ) > j.max_retries then 'outcome_unknown'
        else 'granted'
      end as verdict
    from asked a
    left join held h on h.job_id = a.job_id
    left join public.prompt_generation_jobs j on j.id = a.job_id
  ),
  written as (
    insert into public.provider_calls (
      call_id, job_id, user_id, lease_token, worker, provider, leg, model
    )
    select j.call_id, j.job_id, j.user_id, j.lease_token, j.worker, coalesce(j.provider, 'xai'),
      coalesce(j.leg, 'prompt'), j.model
    from judged j
    where j.verdict = 'granted'
    on conflict do nothing
  )
  select j.call_id, j.verdict from judged j;
end
$$;
-- <<< begin_provider_calls

-- >>> cancel_prompt_job
-- Cancels one job, final in the database at once; with p_user_id only if it is that user's.
-- outcome: cancelled, already_cancelled, already_final (completed or failed first) or not_found.
create or replace function public.cancel_prompt_job(p_job_id uuid, p_user_id uuid default null)
returns table (outcome text, status text, spent_usd numeric, calls bigint, call_in_flight boolean)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_outcome text;
begin
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id);
  if not found then
    return query select 'not_found', null::text, 0::numeric, 0::bigint, false;
    return;
  end if;
  if v_job.status in ('queued', 'processing') then
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'cancelled', completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    update public.jobs d set prompt_status = 'failed' where d.prompt_job_id = p_job_id;
    insert into public.prompt_job_events (job_id, user_id, kind)
    values (p_job_id, v_job.user_id, 'cancelled');
    v_outcome := 'cancelled';
  elsif v_job.status = 'cancelled' then
    v_outcome := 'already_cancelled';
  else
    v_outcome := 'already_final';
  end if;
  return query
  select v_outcome, case v_outcome when 'cancelled' then 'cancelled' else v_job.status end,
    coalesce(sum(c.cost_usd), 0), count(*),
    coalesce(bool_or(c.state = 'sent') and v_job.status = 'processing', false)
  from public.provider_calls c
  where c.job_id = p_job_id;
end
$$;
-- <<< cancel_prompt_job

-- >>> claim_prompt_jobs
-- Takes up to p_limit jobs, most urgent first and oldest first within a priority. Each comes with
-- a random lease token that every later write about it must show. A caller that names no worker is
-- taken to be one that sends no heartbeats: it gets a long lease and frees expired ones itself.
create or replace function public.claim_prompt_jobs(
  p_limit int default 3,
  p_worker text default null,
  p_lease_seconds double precision default 300
)
returns table (
  id uuid, row_id uuid, model_id uuid, user_id uuid, ref_urls text[], target_url text, status text,
  generated_prompt text, error text, retry_count int, max_retries int, priority int,
  created_at timestamptz, updated_at timestamptz, started_at timestamptz, completed_at timestamptz,
  error_code text, source text, model text, lease_token uuid, lease_until timestamptz
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.claim'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_worker is null then
    perform public.free_expired_prompt_leases();
  end if;
  perform public.wake_due_prompt_jobs();
  return query
  with picked as materialized (
    select q.job_id
    from public.prompt_job_queue q
    where q.state = 'ready'
    order by q.priority desc, q.claim_key, q.job_id
    limit greatest(least(p_limit, 1000), 0)
    for update skip locked
  ),
  leased as (
    update public.prompt_job_queue q
    set state = 'leased', lease_token = gen_random_uuid(),
      lease_until = v_now + make_interval(secs => p_lease_seconds),
      worker = coalesce(p_worker, 'rpc'), next_attempt_at = null
    from picked
    where q.job_id = picked.job_id
    returning q.job_id, q.user_id, q.priority, q.claim_key, q.lease_token, q.lease_until, q.worker
  ),
  started as (
    update public.prompt_generation_jobs j
    set status = 'processing', started_at = coalesce(j.started_at, v_now), updated_at = v_now
    from leased l
    where j.id = l.job_id
    returning j.*
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select l.job_id, l.user_id, 'claimed', jsonb_build_object('worker', l.worker)
    from leased l
  )
  select s.id, s.row_id, s.model_id, s.user_id, s.ref_urls, s.target_url, s.status,
    s.generated_prompt, s.error, s.retry_count, s.max_retries, s.priority, s.created_at,
    s.updated_at, s.started_at, s.completed_at, s.error_code, s.source, s.model,
    l.lease_token, l.lease_until
  from leased l
  join started s on s.id = l.job_id
  order by l.priority desc, l.claim_key, l.job_id;
end
$$;
-- <<< claim_prompt_jobs

-- >>> end_provider_calls
-- Writes how paid calls ended. p_calls is an array of {call_id, answered, http_status, error_code,
-- served_model, prompt_tokens, completion_tokens, reasoning_tokens, image_tokens, cached_tokens,
-- cost_usd}. A call that has its ending keeps it. Returns how many were written.
create or replace function public.end_provider_calls(p_calls jsonb)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_count int;
begin
  update public.provider_calls c
  set state = case when e.answered then 'answered' else 'unanswered' end,
    http_status = e.http_status, error_code = e.error_code, served_model = e.served_model,
    prompt_tokens = e.prompt_tokens, completion_tokens = e.completion_tokens,
    reasoning_tokens = e.reasoning_tokens, image_tokens = e.image_tokens,
    cached_tokens = e.cached_tokens, cost_usd = e.cost_usd, ended_at = clock_timestamp()
  from jsonb_to_recordset(p_calls) as e (
    call_id uuid, answered boolean, http_status int, error_code text, served_model text,
    prompt_tokens int, completion_tokens int, reasoning_tokens int, image_tokens int,
    cached_tokens int, cost_usd numeric
  )
  where c.call_id = e.call_id and c.state = 'sent';
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
-- <<< end_provider_calls

-- >>> enqueue_prompt_job
-- Queues one prompt job in the caller's own transaction and returns its id. The model and the
-- user come from the row; with p_user_id a row of somebody else counts as missing.
create or replace function public.enqueue_prompt_job(
  p_row_id uuid,
  p_target_url text,
  p_ref_urls text[] default '{}',
  p_priority int default 5,
  p_user_id uuid default null,
  p_max_retries int default 3,
  p_job_id uuid default null
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_owner record;
  v_job_id uuid := coalesce(p_job_id, gen_random_uuid());
begin
  select * into v_owner from public.prompt_row_owner(p_row_id);
  if v_owner.user_id is null or v_owner.user_id is distinct from coalesce(p_user_id, v_owner.user_id) then
    raise exception 'there is no row % that you may use', p_row_id using errcode = 'no_data_found';
  end if;
  insert into public.prompt_generation_jobs (
    id, row_id, model_id, user_id, ref_urls, target_url, priority, max_retries
  )
  values (
    v_job_id, p_row_id, v_owner.model_id, v_owner.user_id, coalesce(p_ref_urls, '{}'),
    p_target_url, coalesce(p_priority, 5), coalesce(p_max_retries, 3)
  );
  return v_job_id;
end
$$;
-- <<< enqueue_prompt_job

-- >>> free_expired_prompt_leases
-- Takes jobs away from workers that fell silent: back to the queue, or, the third time, out of it
-- as failed (worker_died). Check and change are one statement. Returns how many leases were freed.
create or replace function public.free_expired_prompt_leases(p_limit int default 100)
returns int
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.reap'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with expired as materialized (
    select q.job_id, q.user_id, q.worker, q.lease_losses + 1 as losses
    from public.prompt_job_queue q
    where q.state = 'leased' and q.lease_until < v_now
    order by q.job_id
    limit p_limit
    for update skip locked
  ),
  requeued as (
    update public.prompt_job_queue q
    set state = 'ready', lease_token = null, lease_until = null, worker = null,
      lease_losses = e.losses
    from expired e
    where q.job_id = e.job_id and e.losses < 3
  ),
  quarantined as (
    delete from public.prompt_job_queue q
    using expired e
    where q.job_id = e.job_id and e.losses >= 3
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = case when e.losses < 3 then 'queued' else 'failed' end,
      error = case when e.losses < 3 then j.error else
        'The request stopped three workers and was set aside; the operator has to look at it.' end,
      error_code = case when e.losses < 3 then j.error_code else 'worker_died' end,
      completed_at = case when e.losses < 3 then null else v_now end,
      updated_at = v_now
    from expired e
    where j.id = e.job_id
  ),
  dependents as (
    update public.jobs d
    set prompt_status = 'failed'
    from expired e
    where d.prompt_job_id = e.job_id and e.losses >= 3
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select e.job_id, e.user_id, 'lease_lost',
      jsonb_build_object('worker', e.worker, 'losses', e.losses)
    from expired e
    union all
    select e.job_id, e.user_id, 'failed', jsonb_build_object('code', 'worker_died')
    from expired e
    where e.losses >= 3
  )
  select count(*) into v_count from expired;
  return v_count;
end
$$;
-- <<< free_expired_prompt_leases

-- >>> get_prompt_queue_stats
-- The queue at a glance. Waits and processing times are means over the last 1,000 completed jobs,
-- in seconds; slots is what all workers seen in the last 30 seconds handle at once.
create or replace function public.get_prompt_queue_stats()
returns table (
  total_queued bigint, total_processing bigint, total_completed bigint, total_failed bigint,
  avg_wait_time_seconds numeric, total_cancelled bigint, avg_processing_seconds numeric,
  oldest_queued_seconds numeric, workers bigint, slots bigint, unfenced_writes bigint,
  completed_last_minute bigint, failed_last_hour bigint, completed_last_hour bigint
)
language sql
stable
set search_path = ''
as $$
  with waiting as (
    select count(*) filter (where q.state <> 'leased') as queued,
      count(*) filter (where q.state = 'leased') as processing,
      min(q.claim_key) filter (where q.state <> 'leased') as oldest_key
    from public.prompt_job_queue q
  ),
  recent as (
    select avg(extract(epoch from r.started_at - r.created_at)) as wait,
      avg(extract(epoch from r.completed_at - r.started_at)) as processing
    from (
      select j.created_at, j.started_at, j.completed_at
      from public.prompt_generation_jobs j
      where j.status = 'completed'
      order by j.completed_at desc
      limit 1000
    ) r
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  )
  select waiting.queued, waiting.processing,
    (select count(*) from public.prompt_generation_jobs j where j.status = 'completed'),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'failed'),
    round(coalesce(recent.wait, 0), 3),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'cancelled'),
    round(recent.processing, 3),
    round(greatest(extract(epoch from clock_timestamp()) - waiting.oldest_key / 1000000.0, 0), 3),
    alive.workers, alive.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 minute'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'failed' and j.updated_at > clock_timestamp() - interval '1 hour'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 hour')
  from waiting, recent, alive
$$;
-- <<< get_prompt_queue_stats

-- >>> guard_final_prompt_job
-- The last wall: completed and cancelled never change, failed only by retry or a manual prompt.
create or replace function public.guard_final_prompt_job()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if old.status = 'failed'
    and current_setting('prompt_queue.act', true) in ('retry', 'manual') then
    return new;
  end if;
  if (new.status, new.generated_prompt, new.error, new.completed_at)
    is distinct from (old.status, old.generated_prompt, old.error, old.completed_at) then
    raise exception 'prompt job % is % and does not change', old.id, old.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'retry_prompt_job() reopens a failed job; a finished one needs a new job';
  end if;
  return new;
end
$$;
-- <<< guard_final_prompt_job

-- >>> heartbeat_prompt_jobs
-- Renews the leases whose token is still the current one and returns their job ids; a job that is
-- missing from the answer is no longer the caller's.
create or replace function public.heartbeat_prompt_jobs(
  p_job_ids uuid[],
  p_lease_tokens uuid[],
  p_lease_seconds double precision
)
returns setof uuid
language sql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with held as materialized (
    select q.job_id
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    join public.prompt_job_queue q on q.job_id = h.job_id and q.lease_token = h.lease_token
    order by q.job_id
    for update of q
  )
  update public.prompt_job_queue q
  set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
  from held
  where q.job_id = held.job_id
  returning q.job_id
$$;
-- <<< heartbeat_prompt_jobs

-- >>> prompt_job_position
-- How many jobs will be claimed before this one, counted up to p_limit; null if it does not wait.
create or replace function public.prompt_job_position(p_job_id uuid, p_limit int default 1000)
returns int
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_place public.prompt_job_queue;
  v_above int;
  v_before int := 0;
begin
  select * into v_place
  from public.prompt_job_queue q where q.job_id = p_job_id and q.state <> 'leased';
  if not found then
    return null;
  end if;
  select count(*) into v_above from (
    select from public.prompt_job_queue q
    where q.state = 'ready' and q.priority > v_place.priority
    limit p_limit
  ) lanes_above;
  if v_above < p_limit then
    select count(*) into v_before from (
      select from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_place.priority
        and (q.claim_key, q.job_id) < (v_place.claim_key, v_place.job_id)
      limit p_limit - v_above
    ) same_lane;
  end if;
  return v_above + v_before;
end
$$;
-- <<< prompt_job_position

-- >>> prompt_jobs_deleted
-- A job that is deleted, also by a cascade from its row, model or user, leaves the queue with it.
create or replace function public.prompt_jobs_deleted()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_job_queue q using deleted d where q.job_id = d.id;
  return null;
end
$$;
-- <<< prompt_jobs_deleted

-- >>> prompt_jobs_inserted
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
-- <<< prompt_jobs_inserted

-- >>> prompt_row_owner
-- The model and the owner of a row: model_rows.user_id or created_by, whichever exists, unless
-- prompt_queue_settings.row_owner_column names another column.
create or replace function public.prompt_row_owner(p_row_id uuid)
returns table (model_id uuid, user_id uuid)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_column text;
  v_row jsonb;
begin
  select s.row_owner_column into v_column from public.prompt_queue_settings s;
  select to_jsonb(r) into v_row from public.model_rows r where r.id = p_row_id;
  if v_row is null then
    return;
  end if;
  if v_column is not null and not v_row ? v_column then
    raise exception 'model_rows has no column %, which ROW_OWNER_COLUMN names', v_column
      using errcode = 'undefined_column';
  end if;
  if v_column is null and not v_row ?| array['user_id', 'created_by'] then
    raise exception 'model_rows has neither user_id nor created_by'
      using errcode = 'undefined_column',
        hint = 'set PROMPT_QUEUE_ROW_OWNER_COLUMN to the column that names the owner';
  end if;
  return query select
    (v_row ->> 'model_id')::uuid,
    case
      when v_column is not null then (v_row ->> v_column)::uuid
      else coalesce(v_row ->> 'user_id', v_row ->> 'created_by')::uuid
    end;
end
$$;
-- <<< prompt_row_owner

-- >>> prompt_worker_seen
-- A worker process says that it lives; rows that were silent for a day are forgotten.
create or replace function public.prompt_worker_seen(
  p_worker text, p_host text, p_pid int, p_concurrency int, p_busy int
)
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_queue_workers as w (worker, host, pid, concurrency, busy)
  values (p_worker, p_host, p_pid, p_concurrency, p_busy)
  on conflict (worker) do update
  set seen_at = clock_timestamp(), busy = excluded.busy, concurrency = excluded.concurrency;

  delete from public.prompt_queue_workers w
  where w.seen_at < clock_timestamp() - interval '1 day';
$$;
-- <<< prompt_worker_seen

-- >>> release_prompt_singleton
-- Gives the right back before its time is over.
create or replace function public.release_prompt_singleton(p_name text, p_token uuid)
returns void
language sql
set search_path = ''
as $$
  delete from public.prompt_queue_singletons s where s.name = p_name and s.token = p_token
$$;
-- <<< release_prompt_singleton

-- >>> retry_prompt_job
-- An explicit, audited act: reopens a failed job with all its retries, and dependents that failed
-- with it wait again. outcome: retried, not_failed or not_found.
create or replace function public.retry_prompt_job(
  p_job_id uuid,
  p_user_id uuid default null,
  p_actor text default 'operator'
)
returns table (outcome text, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
begin
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id)
  for update;
  if not found then
    return query select 'not_found', null::text;
    return;
  end if;
  if v_job.status <> 'failed' then
    return query select 'not_failed', v_job.status;
    return;
  end if;
  update public.prompt_generation_jobs j
  set status = 'queued', retry_count = 0, error = null, error_code = null, started_at = null,
    completed_at = null, updated_at = v_now, retried_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
  values (
    p_job_id, v_job.user_id, v_job.priority, (extract(epoch from v_now) * 1000000)::bigint
  );
  update public.jobs d
  set prompt_status = 'generating'
  where d.prompt_job_id = p_job_id and d.prompt_status = 'failed';
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_job.user_id, 'retried', jsonb_build_object('actor', p_actor));
  notify prompt_queue;
  return query select 'retried', 'queued';
end
$$;
-- <<< retry_prompt_job

-- >>> settle_prompt_jobs
-- Carries out what became of claimed jobs. p_outcomes is an array of {job_id, lease_token, outcome,
-- prompt, error, error_code, source, model, delay_seconds}; outcome is completed, failed, retry
-- (burns a retry), postponed or released (neither burns one). The token must be the current one;
-- only a completed prompt, which is paid for, is also taken from a worker that lost its lease,
-- while the job is open. Dependents in jobs follow in the same transaction.
create or replace function public.settle_prompt_jobs(p_outcomes jsonb)
returns table (job_id uuid, applied boolean, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
  with proposed as materialized (
    select distinct on (o.job_id) o.*
    from jsonb_to_recordset(p_outcomes) as o (
      job_id uuid, lease_token uuid, outcome text, prompt text, error text, error_code text,
      source text, model text, delay_seconds double precision
    )
    order by o.job_id
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select p.job_id from proposed p)
    order by q.job_id
    for update
  ),
  accepted as materialized (
    select p.*, h.user_id,
      case
        when p.outcome = 'retry' and j.retry_count >= j.max_retries then 'failed'
        else p.outcome
      end as act,
      greatest(coalesce(p.delay_seconds, 0), 0) as delay
    from proposed p
    join held h on h.job_id = p.job_id
    join public.prompt_generation_jobs j on j.id = p.job_id
    where h.lease_token = p.lease_token or p.outcome = 'completed'
  ),
  removed as (
    delete from public.prompt_job_queue q
    using accepted a
    where q.job_id = a.job_id and a.act in ('completed', 'failed')
  ),
  returned as (
    update public.prompt_job_queue q
    set state = case when a.delay > 0 then 'delayed' else 'ready' end,
      next_attempt_at = case when a.delay > 0 then v_now + make_interval(secs => a.delay) end,
      lease_token = null, lease_until = null, worker = null
    from accepted a
    where q.job_id = a.job_id and a.act in ('retry', 'postponed', 'released')
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = case when a.act in ('completed', 'failed') then a.act else 'queued' end,
      generated_prompt = case when a.act = 'completed' then a.prompt else j.generated_prompt end,
      error = case a.act when 'completed' then null when 'released' then j.error else a.error end,
      error_code = case a.act
        when 'completed' then null when 'released' then j.error_code else a.error_code end,
      source = case when a.act = 'completed' then coalesce(a.source, 'model') end,
      model = case when a.act = 'completed' then a.model end,
      retry_count = j.retry_count + (a.act = 'retry')::int,
      completed_at = case when a.act in ('completed', 'failed') then v_now end,
      updated_at = v_now
    from accepted a
    where j.id = a.job_id
    returning j.id, j.status, j.retry_count
  ),
  dependents as (
    update public.jobs d
    set prompt_status = a.act
    from accepted a
    where d.prompt_job_id = a.job_id and a.act in ('completed', 'failed')
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select a.job_id, a.user_id, case a.act when 'retry' then 'retry_scheduled' else a.act end,
      jsonb_strip_nulls(jsonb_build_object(
        'code', a.error_code, 'model', a.model, 'source', a.source,
        'delaySeconds', nullif(a.delay, 0)
      ))
    from accepted a
    union all
    select p.job_id, j.user_id, 'stale_write_refused',
      jsonb_strip_nulls(jsonb_build_object('outcome', p.outcome, 'code', p.error_code))
    from proposed p
    join public.prompt_generation_jobs j on j.id = p.job_id
    where not exists (select from accepted a where a.job_id = p.job_id)
  )
  select p.job_id, r.id is not null, coalesce(r.status, j.status)
  from proposed p
  left join recorded r on r.id = p.job_id
  left join public.prompt_generation_jobs j on j.id = p.job_id;
end
$$;
-- <<< settle_prompt_jobs

-- >>> take_prompt_singleton
-- The right to be the only one who does p_name for p_seconds: a token, or null if another has it.
create or replace function public.take_prompt_singleton(p_name text, p_seconds double precision)
returns uuid
language sql
set search_path = ''
as $$
  insert into public.prompt_queue_singletons as s (name, token, lease_until)
  values (p_name, gen_random_uuid(), clock_timestamp() + make_interval(secs => p_seconds))
  on conflict (name) do update
  set token = excluded.token, lease_until = excluded.lease_until
  where s.lease_until < clock_timestamp()
  returning s.token
$$;
-- <<< take_prompt_singleton

-- >>> update_prompt_job_status
-- One job's new status, for callers of the mission's four parameters and for SQL clients that hold
-- a lease token. Returns whether it was applied. Without a token nothing can be fenced: such a
-- write never touches a final row, may fail a job only while it is processing, and is counted.
create or replace function public.update_prompt_job_status(
  p_job_id uuid,
  p_status text,
  p_generated_prompt text default null,
  p_error text default null,
  p_lease_token uuid default null,
  p_error_code text default null,
  p_source text default null,
  p_model text default null,
  p_delay_seconds double precision default null
)
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_place public.prompt_job_queue;
  v_retry_count int;
  v_outcome text;
  v_applied boolean := false;
begin
  if p_status is null
    or p_status not in ('queued', 'processing', 'completed', 'failed', 'cancelled') then
    raise exception 'status % is not one of queued, processing, completed, failed, cancelled',
      coalesce(quote_literal(p_status), 'null') using errcode = 'invalid_parameter_value';
  end if;
  if p_status = 'completed' and nullif(btrim(p_generated_prompt), '') is null then
    raise exception 'a completed job needs its prompt in p_generated_prompt'
      using errcode = 'invalid_parameter_value';
  end if;

  select * into v_place from public.prompt_job_queue q where q.job_id = p_job_id for update;
  if not found then
    return false;
  end if;

  if p_lease_token is null then
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_place.user_id, 'unfenced_write', jsonb_build_object('status', p_status));
  end if;

  if p_status = 'cancelled' then
    if p_lease_token is null or p_lease_token = v_place.lease_token then
      select c.outcome = 'cancelled' into v_applied from public.cancel_prompt_job(p_job_id) c;
    end if;
    return v_applied;
  end if;

  if p_status = 'processing' then
    return public.adopt_prompt_job(p_job_id, p_lease_token);
  end if;

  if p_lease_token is null and p_status in ('queued', 'failed') and v_place.state <> 'leased' then
    return false;
  end if;

  select j.retry_count into v_retry_count
  from public.prompt_generation_jobs j where j.id = p_job_id;
  v_outcome := case p_status when 'queued' then 'retry' else p_status end;

  select s.applied into v_applied
  from public.settle_prompt_jobs(jsonb_build_array(jsonb_build_object(
    'job_id', p_job_id,
    'lease_token', coalesce(p_lease_token, v_place.lease_token),
    'outcome', v_outcome,
    'prompt', p_generated_prompt,
    'error', p_error,
    'error_code', case when p_status <> 'completed' then coalesce(p_error_code, 'failed') end,
    'source', p_source,
    'model', p_model,
    'delay_seconds', coalesce(p_delay_seconds, least(power(2, v_retry_count), 30))
  ))) s;
  return v_applied;
end
$$;
-- <<< update_prompt_job_status

-- >>> wake_due_prompt_jobs
-- Puts delayed jobs whose time has come back among the claimable ones; returns how many.
create or replace function public.wake_due_prompt_jobs(p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with due as materialized (
    select q.job_id
    from public.prompt_job_queue q
    where q.state = 'delayed' and q.next_attempt_at <= v_now
    order by q.next_attempt_at
    limit p_limit
    for update skip locked
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from due
  where q.job_id = due.job_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
-- <<< wake_due_prompt_jobs
