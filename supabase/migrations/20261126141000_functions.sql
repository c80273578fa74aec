-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> change_webhook_endpoint
-- Changes what p_changes names of an endpoint: url, events, description, state. With p_user_id one of
-- somebody else counts as missing: no row. What waits for one that is disabled ends so; one that is
-- enabled again starts with a clean record.
create or replace function public.change_webhook_endpoint(
  p_id uuid, p_changes jsonb, p_user_id uuid default null
)
returns setof public.webhook_endpoints
language plpgsql
set search_path = ''
as $$
declare
  v_state text := p_changes ->> 'state';
begin
  return query
  update public.webhook_endpoints e
  set url = coalesce(p_changes ->> 'url', e.url),
    events = case when jsonb_typeof(p_changes -> 'events') = 'array'
      then array(select jsonb_array_elements_text(p_changes -> 'events')) else e.events end,
    description = case when p_changes ? 'description'
      then p_changes ->> 'description' else e.description end,
    state = coalesce(v_state, e.state),
    disabled_reason = case v_state when 'active' then null when 'disabled' then
      coalesce(e.disabled_reason, 'Its owner disabled it.') else e.disabled_reason end,
    failing_since = case v_state when 'active' then null else e.failing_since end,
    updated_at = clock_timestamp()
  where e.id = p_id and (p_user_id is null or e.user_id = p_user_id)
  returning e.*;
  if found and v_state = 'disabled' then
    with ended as (
      update public.webhook_messages m
      set state = 'disabled', ended_at = clock_timestamp()
      where m.lane = p_id::text and m.state = 'waiting'
      returning m.id
    )
    insert into public.webhook_tally (outcome, messages)
    select 'disabled', count(*) from ended having count(*) > 0;
  end if;
end
$$;
-- <<< change_webhook_endpoint

-- >>> claim_webhook_messages
-- Leases up to p_limit messages that are due, at most p_lane_cap at once of one lane, and of one line
-- only the earliest that is open. Looks at the lanes of what has been due longest, and at p_lanes more
-- round from p_after, a place drawn at random: so its cost does not grow with what waits for a slow
-- receiver, and nothing behind that is overlooked. First takes back what silent workers held: such a
-- message is sent again under the same id.
create or replace function public.claim_webhook_messages(
  p_limit int,
  p_worker text,
  p_lease_seconds double precision,
  p_lane_cap int default 4,
  p_after text default '',
  p_lanes int default 200
)
returns setof public.webhook_messages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set application_name = 'prompt_queue.claim'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_lanes text[];
  v_ids uuid[];
begin
  with silent as materialized (
    select m.id from public.webhook_messages m
    where m.state = 'sending' and m.lease_until < v_now
    order by m.lease_until
    limit 100
    for update skip locked
  )
  update public.webhook_messages m
  set state = 'waiting', due_at = v_now, lease_token = null, lease_until = null, worker = null
  from silent s
  where m.id = s.id;
  if not exists (
    select from public.webhook_messages m
    where m.state = 'waiting' and m.due_at <= v_now
    order by m.due_at limit 1
  ) then
    return;
  end if;
  with recursive lanes as (
    (
      select m.lane, 1 as turn from public.webhook_messages m
      where m.state = 'waiting' and m.lane > p_after
      order by m.lane limit 1
    )
    union all
    select n.lane, l.turn + 1
    from lanes l
    cross join lateral (
      select m.lane from public.webhook_messages m
      where m.state = 'waiting' and m.lane > l.lane
      order by m.lane limit 1
    ) n
    where l.turn < p_lanes
  )
  select array_agg(l.lane order by l.turn) into v_lanes from lanes l;
  if coalesce(cardinality(v_lanes), 0) < p_lanes then
    with recursive lanes as (
      (
        select m.lane, 1 as turn from public.webhook_messages m
        where m.state = 'waiting' and m.lane <= p_after
        order by m.lane limit 1
      )
      union all
      select n.lane, l.turn + 1
      from lanes l
      cross join lateral (
        select m.lane from public.webhook_messages m
        where m.state = 'waiting' and m.lane > l.lane and m.lane <= p_after
        order by m.lane limit 1
      ) n
      where l.turn + coalesce(cardinality(v_lanes), 0) < p_lanes
    )
    select coalesce(v_lanes, '{}') || array_agg(l.lane order by l.turn) into v_lanes from lanes l;
  end if;
  select array_agg(d.lane) || coalesce(v_lanes, '{}') into v_lanes
  from (
    select distinct m.lane from (
      select w.lane from public.webhook_messages w
      where w.state = 'waiting' and w.due_at <= v_now
      order by w.due_at limit p_lanes
    ) m
  ) d;
  select array_agg(c.id) into v_ids
  from (
    select d.id
    from (
      select o.lane, min(o.turn) as turn from unnest(v_lanes) with ordinality as o (lane, turn)
      group by o.lane
    ) l
    cross join lateral (
      select count(*) as under_way from (
        select from public.webhook_messages m
        where m.state = 'sending' and m.lane = l.lane
        limit p_lane_cap
      ) s
    ) u
    cross join lateral (
      select m.id, row_number() over (order by m.due_at, m.number) as nth
      from (
        select m.id, m.due_at, m.number from public.webhook_messages m
        where m.state = 'waiting' and m.lane = l.lane and m.due_at <= v_now
          and not exists (
            select from public.webhook_messages e
            where e.line = m.line and e.number < m.number and e.state in ('waiting', 'sending')
          )
        order by m.due_at, m.number
        limit p_lane_cap
      ) m
    ) d
    where d.nth <= p_lane_cap - u.under_way
    -- The first of each lane before the second of any.
    order by d.nth, l.turn
    limit p_limit
  ) c;
  return query
  with taken as materialized (
    select m.id from public.webhook_messages m
    where m.id = any (v_ids) and m.state = 'waiting'
    order by m.id
    for update skip locked
  )
  update public.webhook_messages m
  set state = 'sending', lease_token = gen_random_uuid(), worker = p_worker,
    lease_until = v_now + make_interval(secs => p_lease_seconds)
  from taken t
  where m.id = t.id
  returning m.*;
end
$$;
-- <<< claim_webhook_messages

-- >>> create_picture_job
-- Creates a row of jobs and what is ours of it, in the caller's own transaction. p_request has
-- use_ai_prompt, prompt, target_url, ref_urls, generation_model, width, height, count (1 to 8),
-- priority, max_retries, webhook_url, webhook_events, metadata, and prompt_options as enqueue_prompt_job() takes
-- them; pictures and prompt that it does not have come from the row of model_rows. With use_ai_prompt
-- a prompt is queued and the pictures wait for it. With p_user_id a row of somebody else counts as
-- missing.
create or replace function public.create_picture_job(
  p_row_id uuid,
  p_request jsonb,
  p_user_id uuid default null,
  p_job_id uuid default null,
  p_prompt_job_id uuid default null
)
returns table (job_id uuid, prompt_job_id uuid)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_job uuid := coalesce(p_job_id, gen_random_uuid());
  v_prompt_job uuid;
  v_owner record;
  v_row jsonb;
  v_with_ai boolean := coalesce((p_request ->> 'use_ai_prompt')::boolean, false);
  v_target text;
  v_refs text[];
  v_prompt text;
  v_count int := coalesce((p_request ->> 'count')::int, 1);
  v_priority int := coalesce((p_request ->> 'priority')::int, 5);
  v_retries int := coalesce((p_request ->> 'max_retries')::int, 3);
begin
  select * into v_owner from public.prompt_row_owner(p_row_id);
  if v_owner.user_id is null
    or v_owner.user_id is distinct from coalesce(p_user_id, v_owner.user_id) then
    raise exception 'there is no row % that you may use', p_row_id using errcode = 'no_data_found';
  end if;
  if v_count not between 1 and 8 then
    raise exception 'count is from 1 to 8' using errcode = 'invalid_parameter_value';
  end if;
  select to_jsonb(r) into v_row from public.model_rows r where r.id = p_row_id;
  v_target := coalesce(p_request ->> 'target_url', v_row ->> 'target_url');
  v_refs := array(select jsonb_array_elements_text(
    case when jsonb_typeof(p_request -> 'ref_urls') = 'array' then p_request -> 'ref_urls'
      when jsonb_typeof(v_row -> 'ref_urls') = 'array' then v_row -> 'ref_urls' else '[]' end
  ));
  if coalesce(v_target, '') = '' then
    raise exception 'the row has no target picture' using errcode = 'check_violation',
      hint = 'send targetUrl, or set target_url of the row';
  end if;
  if v_with_ai then
    v_prompt_job := public.enqueue_prompt_job(
      p_row_id, v_target, v_refs, v_priority, p_user_id, v_retries, p_prompt_job_id,
      coalesce(p_request -> 'prompt_options', '{}')
    );
  else
    v_prompt := coalesce(nullif(trim(p_request ->> 'prompt'), ''), nullif(trim(v_row ->> 'prompt'), ''));
    if v_prompt is null then
      raise exception 'there is no prompt' using errcode = 'check_violation',
        hint = 'send prompt, set useAiPrompt, or set prompt of the row';
    end if;
  end if;
  perform public.insert_row_of_jobs(jsonb_build_object(
    'id', v_job, 'row_id', p_row_id, 'model_id', v_owner.model_id, 'user_id', v_owner.user_id,
    'prompt_job_id', v_prompt_job,
    'prompt_status', case when v_with_ai then 'generating' else 'completed' end,
    'status', public.picture_word(
      'job_words', case when v_with_ai then 'waiting_prompt' else 'queued' end),
    'request_payload', jsonb_strip_nulls(jsonb_build_object(
      'prompt', v_prompt, 'targetUrl', v_target, 'refUrls', to_jsonb(v_refs),
      'generationModel', p_request ->> 'generation_model', 'width', p_request -> 'width',
      'height', p_request -> 'height', 'count', v_count, 'metadata', p_request -> 'metadata'
    ))
  ));
  insert into public.picture_jobs (
    id, job_id, number, user_id, row_id, prompt_job_id, status, prompt, target_url, ref_urls,
    generation_model, width, height, priority, max_retries, webhook_url, metadata, due_at
  )
  select gen_random_uuid(), v_job, n, v_owner.user_id, p_row_id, v_prompt_job,
    case when v_with_ai then 'waiting_prompt' else 'queued' end, v_prompt, v_target, v_refs,
    p_request ->> 'generation_model', (p_request ->> 'width')::int, (p_request ->> 'height')::int,
    v_priority, v_retries, p_request ->> 'webhook_url', p_request -> 'metadata',
    case when v_with_ai then null else clock_timestamp() end
  from generate_series(1, v_count) n;
  if p_request ->> 'webhook_url' is not null then
    perform public.want_webhook(
      n.id, v_owner.user_id, p_request ->> 'webhook_url',
      array(select jsonb_array_elements_text(coalesce(p_request -> 'webhook_events', '[]'))), v_job
    )
    from unnest(array_remove(array[v_job, v_prompt_job], null)) as n (id);
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_job, v_owner.user_id, 'picture_created', jsonb_strip_nulls(jsonb_build_object(
    'promptJobId', v_prompt_job, 'generationModel', p_request ->> 'generation_model',
    'count', v_count
  )));
  perform public.project_picture_jobs(array[v_job]);
  notify prompt_queue;
  return query select v_job, v_prompt_job;
end
$$;
-- <<< create_picture_job

-- >>> create_webhook_endpoint
-- A new endpoint of a user with a secret of its own, at most p_most a user; no row: there are as many.
create or replace function public.create_webhook_endpoint(
  p_user_id uuid, p_url text, p_events text[], p_description text default null, p_most int default 20
)
returns setof public.webhook_endpoints
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('prompt_queue.webhook_endpoints ' || p_user_id, 0));
  return query
  insert into public.webhook_endpoints (user_id, url, events, description, secret)
  select p_user_id, p_url, coalesce(p_events, '{}'), p_description, public.new_webhook_secret()
  where (select count(*) from public.webhook_endpoints e where e.user_id = p_user_id) < p_most
  returning *;
end
$$;
-- <<< create_webhook_endpoint

-- >>> enqueue_job_webhooks
-- Puts messages about jobs that have just ended into the outbox, in the transaction that ends them;
-- the arrays are final events of prompt_job_events. A job of several pictures ends with its last one:
-- who ends one of them waits here for whoever ends another, so that the later sees both.
create or replace function public.enqueue_job_webhooks(
  p_job_ids uuid[], p_user_ids uuid[], p_kinds text[]
)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_event record;
  v_payload jsonb;
  v_type text;
  v_told boolean := false;
begin
  for v_event in
    select i.job_id, i.user_id, i.kind like 'picture%' as of_picture, max(i.kind) as kind
    from unnest(p_job_ids, p_user_ids, p_kinds) as i (job_id, user_id, kind)
    where exists (
        select from public.webhook_endpoints e
        where e.user_id = i.user_id and e.state = 'active'
      )
      or exists (select from public.webhook_requests r where r.job_id = i.job_id)
    group by i.job_id, i.user_id, i.kind like 'picture%'
    order by i.job_id
  loop
    if v_event.of_picture then
      if exists (
        select from public.picture_jobs p where p.job_id = v_event.job_id and p.number = 2
      ) then
        perform pg_advisory_xact_lock(
          hashtextextended('prompt_queue.webhooks ' || v_event.job_id, 0)
        );
      end if;
      v_payload := public.webhook_image_payload(v_event.job_id);
      continue when v_payload is null;
      v_type := 'image.' || replace(v_payload ->> 'status', 'succeeded', 'completed');
    else
      v_payload := public.webhook_prompt_payload(v_event.job_id, v_event.kind);
      v_type := 'prompt.' || v_event.kind;
    end if;
    insert into public.webhook_messages (user_id, endpoint_id, url, type, subject, payload)
    select v_event.user_id, w.endpoint_id, w.url, v_type, w.subject, v_payload
    from (
      select e.id as endpoint_id, null::text as url, v_event.job_id as subject, e.events
      from public.webhook_endpoints e
      where e.user_id = v_event.user_id and e.state = 'active'
      union all
      select null, r.url, r.subject, r.events
      from public.webhook_requests r
      where r.job_id = v_event.job_id
    ) w
    where v_payload is not null and (w.events = '{}' or v_type = any (w.events));
    v_told := v_told or found;
  end loop;
  if v_told then
    notify prompt_queue;
  end if;
end
$$;
-- <<< enqueue_job_webhooks

-- >>> enqueue_webhook
-- Puts a message for every active endpoint of the user that wants this type into the outbox, in the
-- caller's transaction. Messages of one subject reach one endpoint in the order of these calls.
-- Returns how many there are.
create or replace function public.enqueue_webhook(
  p_user_id uuid, p_type text, p_subject uuid, p_payload jsonb
)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_count int;
begin
  insert into public.webhook_messages (user_id, endpoint_id, type, subject, payload)
  select p_user_id, e.id, p_type, p_subject, p_payload
  from public.webhook_endpoints e
  where e.user_id = p_user_id and e.state = 'active'
    and (e.events = '{}' or p_type = any (e.events));
  get diagnostics v_count = row_count;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
-- <<< enqueue_webhook

-- >>> new_webhook_secret
-- 32 bytes to sign with, in the spelling of Standard Webhooks; 244 of their bits are random.
create or replace function public.new_webhook_secret()
returns text
language sql
volatile
set search_path = ''
as $$
  select 'whsec_' || encode(
    decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64'
  )
$$;
-- <<< new_webhook_secret

-- >>> prune_webhooks
-- Deletes up to p_limit messages that ended more than p_days ago with their tries, requests for
-- webhooks of jobs that are gone, and puts the tally together. Returns how many messages.
create or replace function public.prune_webhooks(p_days double precision, p_limit int default 500)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_days * 86400);
  v_pruned bigint;
begin
  with old as materialized (
    select m.id from public.webhook_messages m
    where m.ended_at < v_before
    order by m.ended_at
    limit p_limit
    for update skip locked
  )
  delete from public.webhook_messages m using old o where m.id = o.id;
  get diagnostics v_pruned = row_count;
  delete from public.webhook_requests r
  where r.job_id in (
    select o.job_id from public.webhook_requests o
    where o.created_at < v_before
      and not exists (
        select from public.prompt_generation_jobs j
        where j.id = o.job_id
      ) and not exists (select from public.picture_jobs p where p.job_id = o.job_id)
    order by o.created_at
    limit p_limit
  );
  if (select count(*) from public.webhook_tally) > 100 then
    with gone as (
      delete from public.webhook_tally t returning t.outcome, t.messages
    )
    insert into public.webhook_tally (outcome, messages)
    select g.outcome, sum(g.messages) from gone g group by g.outcome;
  end if;
  return v_pruned;
end
$$;
-- <<< prune_webhooks

-- >>> replay_webhook_message
-- Sends a message again under its own id, with all its tries; one that waits is sent at once. With
-- p_user_id one of somebody else counts as missing. Returns replayed, sending (it is under way),
-- disabled (its endpoint is) or not_found.
create or replace function public.replay_webhook_message(p_id uuid, p_user_id uuid default null)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_is public.webhook_messages;
begin
  select m.* into v_is from public.webhook_messages m
  where m.id = p_id and (p_user_id is null or m.user_id = p_user_id)
  for update;
  if not found then
    return 'not_found';
  elsif v_is.state = 'sending' then
    return 'sending';
  elsif exists (
    select from public.webhook_endpoints e
    where e.id = v_is.endpoint_id and e.state = 'disabled'
  ) then
    return 'disabled';
  end if;
  update public.webhook_messages m
  set state = 'waiting', due_at = clock_timestamp(), ended_at = null,
    first_try = case when m.state = 'waiting' then m.first_try else m.tries end
  where m.id = p_id;
  notify prompt_queue;
  return 'replayed';
end
$$;
-- <<< replay_webhook_message

-- >>> rotate_webhook_secret
-- A new secret for an endpoint or, with p_id null, for the webhooks that the user's single requests
-- ask for, made where there is none. The old one signs too for p_grace_seconds. No row: there is no
-- such endpoint (of p_user_id).
create or replace function public.rotate_webhook_secret(
  p_id uuid, p_user_id uuid, p_grace_seconds double precision default 86400
)
returns table (secret text, old_secret_until timestamptz)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_until timestamptz := clock_timestamp() + make_interval(secs => p_grace_seconds);
begin
  if p_id is not null then
    return query
    update public.webhook_endpoints e
    set old_secret = e.secret, old_secret_until = v_until, secret = public.new_webhook_secret(),
      updated_at = clock_timestamp()
    where e.id = p_id and (p_user_id is null or e.user_id = p_user_id)
    returning e.secret, e.old_secret_until;
    return;
  end if;
  return query
  insert into public.webhook_secrets as s (user_id, secret)
  values (p_user_id, public.new_webhook_secret())
  on conflict (user_id) do update
  set old_secret = s.secret, old_secret_until = v_until, secret = excluded.secret,
    created_at = clock_timestamp()
  returning s.secret, s.old_secret_until;
end
$$;
-- <<< rotate_webhook_secret

-- >>> settle_webhook_messages
-- Carries out what became of leased messages. p_outcomes is an array of {message_id, lease_token,
-- outcome, status, milliseconds, answer, error, delay_seconds, disable_after_days}. outcome: delivered;
-- retry (again after the delay); exhausted (given up); gone (the receiver is told nothing any more); released
-- (not tried). The token must be the current one. A retry makes later messages of its line wait as
-- long. An endpoint is disabled when it is gone, or when it has only failed for disable_after_days; what
-- waits for it then ends as disabled, as does what was claimed meanwhile (outcome disabled). Returns what was applied, the state now, and an endpoint that
-- this has disabled.
create or replace function public.settle_webhook_messages(p_outcomes jsonb)
returns table (message_id uuid, applied boolean, state text, disabled_endpoint uuid)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.settle'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_one record;
  v_is public.webhook_messages;
  v_to text;
  v_next timestamptz;
  v_disabled uuid;
begin
  for v_one in
    select o.* from jsonb_to_recordset(p_outcomes) as o (
      message_id uuid, lease_token uuid, outcome text, status int, milliseconds int, answer text,
      error text, delay_seconds double precision, disable_after_days double precision
    )
    order by o.message_id
  loop
    select m.* into v_is from public.webhook_messages m where m.id = v_one.message_id for update;
    if not found or v_is.state <> 'sending' or v_is.lease_token <> v_one.lease_token then
      return query select v_one.message_id, false, v_is.state, null::uuid;
      continue;
    end if;
    v_to := case v_one.outcome
      when 'retry' then 'waiting' when 'released' then 'waiting' when 'gone' then 'disabled'
      else v_one.outcome end;
    v_next := case v_one.outcome
      when 'retry' then v_now + make_interval(secs => greatest(v_one.delay_seconds, 0))
      when 'released' then v_now end;
    v_disabled := null;
    update public.webhook_messages m
    set state = v_to, due_at = coalesce(v_next, m.due_at),
      tries = m.tries + (v_one.outcome not in ('released', 'disabled'))::int,
      lease_token = null, lease_until = null, worker = null,
      ended_at = case when v_to <> 'waiting' then v_now end
    where m.id = v_is.id;
    if v_one.outcome not in ('released', 'disabled') then
      insert into public.webhook_tries (
        message_id, number, at, status, milliseconds, answer, error, next_at
      )
      values (
        v_is.id, v_is.tries + 1,
        v_now - make_interval(secs => coalesce(v_one.milliseconds, 0) / 1000.0), v_one.status,
        coalesce(v_one.milliseconds, 0), v_one.answer, v_one.error, v_next
      );
    end if;
    if v_one.outcome = 'retry' then
      update public.webhook_messages m
      set due_at = v_next
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at < v_next;
    elsif v_to <> 'waiting' then
      -- The next of its line has waited long enough.
      update public.webhook_messages m
      set due_at = v_now
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at > v_now and m.tries = 0;
      insert into public.webhook_tally (outcome, messages) values (v_to, 1);
    end if;
    if v_is.endpoint_id is not null and v_one.outcome = 'delivered' then
      update public.webhook_endpoints e
      set failing_since = null
      where e.id = v_is.endpoint_id and e.failing_since is not null;
    elsif v_is.endpoint_id is not null and v_one.outcome in ('retry', 'exhausted', 'gone') then
      update public.webhook_endpoints e
      set failing_since = v_now
      where e.id = v_is.endpoint_id and e.failing_since is null;
      update public.webhook_endpoints e
      set state = 'disabled', updated_at = v_now,
        disabled_reason = case v_one.outcome
          when 'gone' then 'It answered 410: nobody is there any more.'
          else format('It has answered nothing well since %s.',
            to_char(e.failing_since at time zone 'utc', 'YYYY-MM-DD HH24:MI"Z"')) end
      where e.id = v_is.endpoint_id and e.state = 'active' and (
        v_one.outcome = 'gone'
        or e.failing_since < v_now - make_interval(secs => v_one.disable_after_days * 86400)
      )
      returning e.id into v_disabled;
      if v_disabled is not null then
        with ended as (
          update public.webhook_messages m
          set state = 'disabled', ended_at = v_now
          where m.lane = v_disabled::text and m.state = 'waiting'
          returning m.id
        )
        insert into public.webhook_tally (outcome, messages)
        select 'disabled', count(*) from ended having count(*) > 0;
      end if;
    end if;
    return query select v_one.message_id, true,
      case when v_disabled is not null and v_to = 'waiting' then 'disabled' else v_to end, v_disabled;
  end loop;
end
$$;
-- <<< settle_webhook_messages

-- >>> test_webhook_endpoint
-- Puts a message of type endpoint.test for this endpoint alone into the outbox; returns its id, or
-- null where there is no such endpoint (of p_user_id) or it is disabled.
create or replace function public.test_webhook_endpoint(p_id uuid, p_user_id uuid default null)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_message uuid;
begin
  insert into public.webhook_messages (user_id, endpoint_id, type, subject, payload)
  select e.user_id, e.id, 'endpoint.test', gen_random_uuid(),
    jsonb_build_object('endpointId', e.id, 'sentence', 'This is a test.')
  from public.webhook_endpoints e
  where e.id = p_id and (p_user_id is null or e.user_id = p_user_id) and e.state = 'active'
  returning id into v_message;
  notify prompt_queue;
  return v_message;
end
$$;
-- <<< test_webhook_endpoint

-- >>> want_webhook
-- Notes in the caller's transaction that whoever asked for a job wants to be told of its end at
-- p_url; p_events are types of messages, none means all. p_subject is the job by which messages are
-- kept in order. The user's secret for such webhooks is made where there is none.
create or replace function public.want_webhook(
  p_job_id uuid, p_user_id uuid, p_url text, p_events text[] default '{}', p_subject uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.webhook_secrets (user_id, secret)
  values (p_user_id, public.new_webhook_secret())
  on conflict (user_id) do nothing;
  insert into public.webhook_requests (job_id, user_id, subject, url, events)
  values (p_job_id, p_user_id, coalesce(p_subject, p_job_id), p_url, coalesce(p_events, '{}'))
  on conflict (job_id) do nothing;
end
$$;
-- <<< want_webhook

-- >>> webhook_image_payload
-- What a message tells of a picture job all of whose pictures have ended; null while one has not.
create or replace function public.webhook_image_payload(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'jobId', p_job_id, 'status', s.status, 'rowId', s.row_id, 'promptJobId', s.prompt_job_id,
    'prompt', s.prompt, 'metadata', s.metadata, 'pictures', s.pictures,
    'error', case when s.status = 'failed' then s.error end,
    'errorCode', case when s.status = 'failed' then s.error_code end,
    'createdAt', s.created_at, 'completedAt', s.completed_at
  )
  from (
    select public.picture_job_status(array_agg(p.status)) as status,
      (array_agg(p.row_id))[1] as row_id, (array_agg(p.prompt_job_id))[1] as prompt_job_id,
      (array_agg(p.prompt order by p.number) filter (where p.prompt is not null))[1] as prompt,
      (jsonb_agg(p.metadata) -> 0) as metadata,
      (array_agg(p.error order by p.number) filter (where p.error is not null))[1] as error,
      (array_agg(p.error_code order by p.number) filter (where p.error_code is not null))[1]
        as error_code,
      jsonb_agg(jsonb_build_object(
        'number', p.number, 'status', p.status, 'url', p.outputs -> 0 ->> 'url',
        'errorCode', p.error_code
      ) order by p.number) as pictures,
      min(p.created_at) as created_at, max(p.completed_at) as completed_at
    from public.picture_jobs p
    where p.job_id = p_job_id
    having count(*) > 0
  ) s
  where s.status in ('succeeded', 'failed', 'cancelled')
$$;
-- <<< webhook_image_payload

-- >>> webhook_outcomes
-- How many messages ended how since the beginning, and how many are open now.
create or replace function public.webhook_outcomes()
returns table (outcome text, messages bigint)
language sql
stable
set search_path = ''
as $$
  select o.outcome, coalesce((
    select sum(t.messages) from public.webhook_tally t where t.outcome = o.outcome
  ), 0)::bigint
  from (values ('delivered'), ('exhausted'), ('disabled')) o (outcome)
  union all
  select 'pending', count(*) from public.webhook_messages m where m.state in ('waiting', 'sending')
$$;
-- <<< webhook_outcomes

-- >>> webhook_prompt_payload
-- What a message tells of a prompt job that has ended as p_status.
create or replace function public.webhook_prompt_payload(p_job_id uuid, p_status text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'promptJobId', j.id, 'rowId', j.row_id, 'status', p_status,
    'prompt', case p_status when 'completed' then j.generated_prompt end,
    'source', case p_status when 'completed' then j.source end,
    'model', case p_status when 'completed' then j.model end,
    'degraded', coalesce(j.degraded, false),
    'error', case p_status when 'failed' then j.error end,
    'errorCode', case p_status when 'failed' then j.error_code end,
    'createdAt', j.created_at, 'completedAt', j.completed_at
  )
  from public.prompt_generation_jobs j
  where j.id = p_job_id
$$;
-- <<< webhook_prompt_payload

-- >>> webhooks_of_events
-- Hands final events over to enqueue_job_webhooks() in the transaction that writes them: event and
-- message are there together or not at all. Other events cost a look at themselves, and final ones,
-- where nobody wants to be told, a look into two empty indexes.
create or replace function public.webhooks_of_events()
returns trigger
language plpgsql
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_jobs uuid[];
  v_users uuid[];
  v_kinds text[];
begin
  select array_agg(w.job_id), array_agg(w.user_id), array_agg(w.kind)
  into v_jobs, v_users, v_kinds
  from written w
  where w.kind in (
      'completed', 'failed', 'cancelled', 'picture_succeeded', 'picture_failed', 'picture_cancelled'
    )
    or w.kind = 'picture_lease_lost' and w.data ->> 'status' = 'failed';
  if v_jobs is not null and (
    exists (select from public.webhook_endpoints e where e.state = 'active' limit 1)
    or exists (select from public.webhook_requests r limit 1)
  ) then
    perform public.enqueue_job_webhooks(v_jobs, v_users, v_kinds);
  end if;
  return null;
end
$$;
-- <<< webhooks_of_events
