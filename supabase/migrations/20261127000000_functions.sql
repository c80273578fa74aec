-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> note_prompt_partials
-- Stores what models have written so far: p_partials is an array of {job_id, lease_token, partial};
-- without a partial what was stored under that lease is deleted. Texts under a lease that is over are
-- left out; prompt_partial() would not show them either.
create or replace function public.note_prompt_partials(p_partials jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  -- Losing it in a crash costs nothing. As a setting of the function it would end before the commit.
  perform set_config('synchronous_commit', 'off', true);
  delete from public.prompt_partials p
  using jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  where n.partial is null and p.job_id = n.job_id and p.lease_token = n.lease_token;

  insert into public.prompt_partials as p (job_id, lease_token, partial)
  select q.job_id, q.lease_token, n.partial
  from jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  join public.prompt_job_queue q on q.job_id = n.job_id and q.lease_token = n.lease_token
  where n.partial is not null
  order by q.job_id
  on conflict (job_id) do update
  set lease_token = excluded.lease_token, partial = excluded.partial,
    updated_at = clock_timestamp();
end
$$;
-- <<< note_prompt_partials

-- >>> retry_picture_job
-- An explicit, audited act: the failed pictures of a job are made anew, with all their retries; one
-- whose prompt failed waits for that, which is reopened. With p_user_id it is the user's own act, and
-- counts among its open jobs. outcome: retried, not_failed, not_found or too_many_queued.
create or replace function public.retry_picture_job(
  p_job_id uuid, p_user_id uuid default null, p_actor text default 'operator'
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_prompt_job uuid;
  v_again int;
  v_verdict text;
begin
  select p.user_id, p.prompt_job_id into v_user, v_prompt_job
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return 'not_found';
  end if;
  if p_user_id is not null then
    select a.verdict into v_verdict
    from (
      select count(*)::int as failed from public.picture_jobs p
      where p.job_id = p_job_id and p.status = 'failed'
    ) f
    cross join lateral public.admit_prompt_request(p_user_id, f.failed) a
    where f.failed > 0;
    if v_verdict <> 'admitted' then
      return v_verdict;
    end if;
  end if;
  if exists (
    select from public.picture_jobs p
    where p.job_id = p_job_id and p.status = 'failed' and p.failed_with_prompt
  ) then
    perform public.retry_prompt_job(v_prompt_job, null, p_actor);
    perform public.reopen_picture_jobs(v_prompt_job);
    -- Somebody may have brought its prompt already.
    perform public.release_picture_jobs(array[v_prompt_job]);
    v_again := 1;
  else
    update public.picture_jobs p
    set status = 'queued', prediction_id = null, provider_outputs = null, retry_count = 0,
      past_predictions = p.past_predictions || array_remove(array[p.prediction_id], null),
      resubmits = 0, lease_losses = 0, error = null, error_code = null, completed_at = null,
      due_at = v_now, retried_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'failed';
    get diagnostics v_again = row_count;
  end if;
  if v_again = 0 then
    return 'not_failed';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user, 'picture_retried', jsonb_strip_nulls(jsonb_build_object(
    'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
  )));
  perform public.project_picture_jobs(array[p_job_id]);
  notify prompt_queue;
  return 'retried';
end
$$;
-- <<< retry_picture_job

-- >>> retry_prompt_job
-- An explicit, audited act: reopens a failed job with all its retries, and dependents that failed
-- with it wait again. With p_user_id it is the user's own act, and counts among its open jobs.
-- outcome: retried, not_failed, not_found or too_many_queued.
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
  v_verdict text;
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
  if p_user_id is not null then
    select a.verdict into v_verdict from public.admit_prompt_request(p_user_id, 1) a;
    if v_verdict <> 'admitted' then
      return query select v_verdict, v_job.status;
      return;
    end if;
  end if;
  update public.prompt_generation_jobs j
  set status = 'queued', retry_count = 0, error = null, error_code = null, started_at = null,
    completed_at = null, updated_at = v_now, retried_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_queue_tally (at, status, jobs) values ('-infinity', 'failed', -1);
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
  values (
    p_job_id, v_job.user_id, v_job.priority, public.prompt_claim_key(v_job.user_id, v_job.priority)
  );
  update public.jobs d
  set prompt_status = 'generating'
  where d.prompt_job_id = p_job_id and d.prompt_status = 'failed';
  perform public.reopen_picture_jobs(p_job_id);
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_job.user_id, 'retried', jsonb_strip_nulls(jsonb_build_object(
    'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
  )));
  notify prompt_queue;
  return query select 'retried', 'queued';
end
$$;
-- <<< retry_prompt_job

-- >>> set_prompt_user_limit
-- What one user may use from now on; the nil id for everybody without a row of their own, which a
-- process sets from its settings unless an operator has. Null is no limit; p_forget takes the row of
-- a user away. Jobs that wait for their budget look again. p_reason says why, for the audit. Returns
-- whether something changed.
create or replace function public.set_prompt_user_limit(
  p_user uuid,
  p_usd_a_day numeric default null,
  p_pictures_a_day int default null,
  p_queued int default null,
  p_requests_a_second double precision default null,
  p_by_hand boolean default false,
  p_actor text default 'operator',
  p_forget boolean default false,
  p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_changed boolean;
begin
  if p_forget then
    delete from public.prompt_user_limits l where l.user_id = p_user;
  else
    insert into public.prompt_user_limits as l (
      user_id, usd_a_day, pictures_a_day, queued, requests_a_second, by_hand
    )
    values (p_user, p_usd_a_day, p_pictures_a_day, p_queued, p_requests_a_second, p_by_hand)
    on conflict (user_id) do update
    set usd_a_day = excluded.usd_a_day, pictures_a_day = excluded.pictures_a_day,
      queued = excluded.queued, requests_a_second = excluded.requests_a_second,
      by_hand = excluded.by_hand, updated_at = clock_timestamp()
    where (p_by_hand or not l.by_hand)
      and (l.usd_a_day, l.pictures_a_day, l.queued, l.requests_a_second, l.by_hand)
        is distinct from (excluded.usd_a_day, excluded.pictures_a_day, excluded.queued,
          excluded.requests_a_second, excluded.by_hand);
  end if;
  v_changed := found;
  if not v_changed then
    return false;
  end if;
  if p_by_hand then
    insert into public.prompt_operator_log (actor, act, reason)
    values (
      p_actor, 'limited_user',
      coalesce(nullif(trim(p_reason), '') || ': ', '') || p_user || case when p_forget then ': as everybody' else
        ': ' || coalesce(p_usd_a_day || ' USD', 'any money') || ' and '
        || coalesce(p_pictures_a_day || ' pictures', 'any number of pictures') || ' a day, '
        || coalesce(p_queued || ' open jobs', 'any number of open jobs') || ', '
        || coalesce(p_requests_a_second || ' requests a second', 'any number of requests')
      end
    );
  end if;
  perform public.wake_prompt_purses(p_user);
  return true;
end
$$;
-- <<< set_prompt_user_limit

-- >>> take_prompt_requests
-- Takes requests out of the bucket of a user for one process: at most p_wanted of p_rate a second,
-- of which p_burst may be there at once. Returns how many were there, how many are left, and in how
-- many seconds the next one will be.
create or replace function public.take_prompt_requests(
  p_user uuid, p_wanted int, p_rate double precision, p_burst double precision
)
returns table (taken int, remaining int, next_seconds double precision)
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_tokens double precision;
  v_taken int;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into public.prompt_user_rates (user_id, tokens)
  values (p_user, p_burst)
  on conflict do nothing;
  select least(
      p_burst,
      r.tokens + p_rate * greatest(extract(epoch from clock_timestamp() - r.counted_at), 0)
    )
  into v_tokens
  from public.prompt_user_rates r
  where r.user_id = p_user
  for update;
  v_now := clock_timestamp();
  v_taken := greatest(least(p_wanted, floor(v_tokens)::int), 0);
  update public.prompt_user_rates r
  set tokens = v_tokens - v_taken, counted_at = v_now
  where r.user_id = p_user;
  return query select v_taken, floor(v_tokens)::int - v_taken,
    greatest((1 - (v_tokens - v_taken)) / p_rate, 0)::double precision;
end
$$;
-- <<< take_prompt_requests
