-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> create_picture_job
-- Creates a row of jobs and what is ours of it, in the caller's own transaction. p_request has
-- use_ai_prompt, prompt, target_url, ref_urls, generation_model, width, height, count (1 to 8),
-- priority, max_retries, webhook_url, webhook_events, metadata, trace_context (a W3C traceparent, for
-- the prompt as well), and prompt_options as enqueue_prompt_job() takes them; pictures and prompt that it does not have come from the row of model_rows. With use_ai_prompt
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
        || jsonb_strip_nulls(jsonb_build_object('trace_context', p_request -> 'trace_context'))
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
    generation_model, width, height, priority, max_retries, webhook_url, metadata, trace_context,
    due_at
  )
  select gen_random_uuid(), v_job, n, v_owner.user_id, p_row_id, v_prompt_job,
    case when v_with_ai then 'waiting_prompt' else 'queued' end, v_prompt, v_target, v_refs,
    p_request ->> 'generation_model', (p_request ->> 'width')::int, (p_request ->> 'height')::int,
    v_priority, v_retries, p_request ->> 'webhook_url', p_request -> 'metadata',
    p_request ->> 'trace_context',
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

-- >>> enqueue_job_webhooks
-- Puts messages about jobs that have just ended into the outbox, in the transaction that ends them;
-- the arrays are final events of prompt_job_events. A job of several pictures ends with its last one:
-- who ends one of them waits here for whoever ends another, so that the later sees both. A message
-- keeps the trace of its job.
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
  v_trace text;
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
      select p.trace_context into v_trace
      from public.picture_jobs p where p.job_id = v_event.job_id and p.number = 1;
      v_type := 'image.' || replace(v_payload ->> 'status', 'succeeded', 'completed');
    else
      v_payload := public.webhook_prompt_payload(v_event.job_id, v_event.kind);
      select j.trace_context into v_trace
      from public.prompt_generation_jobs j where j.id = v_event.job_id;
      v_type := 'prompt.' || v_event.kind;
    end if;
    insert into public.webhook_messages (
      user_id, endpoint_id, url, type, subject, payload, trace_context
    )
    select v_event.user_id, w.endpoint_id, w.url, v_type, w.subject, v_payload, v_trace
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

-- >>> enqueue_prompt_job
-- Queues one prompt job in the caller's own transaction and returns its id. The model and the
-- user come from the row; with p_user_id a row of somebody else counts as missing. p_options may
-- have min_quality, operation, existing_prompt, user_instructions, identity_consent, cache, stream and
-- trace_context (a W3C traceparent), which go to the columns of these names.
create or replace function public.enqueue_prompt_job(
  p_row_id uuid,
  p_target_url text,
  p_ref_urls text[] default '{}',
  p_priority int default 5,
  p_user_id uuid default null,
  p_max_retries int default 3,
  p_job_id uuid default null,
  p_options jsonb default '{}'
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_unknown text;
  v_owner record;
  v_job_id uuid := coalesce(p_job_id, gen_random_uuid());
begin
  select o into v_unknown
  from jsonb_object_keys(p_options) o
  where o not in (
    'min_quality', 'operation', 'existing_prompt', 'user_instructions', 'identity_consent',
    'cache', 'stream', 'trace_context'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'there is no option %', v_unknown using errcode = 'invalid_parameter_value';
  end if;
  select * into v_owner from public.prompt_row_owner(p_row_id);
  if v_owner.user_id is null or v_owner.user_id is distinct from coalesce(p_user_id, v_owner.user_id) then
    raise exception 'there is no row % that you may use', p_row_id using errcode = 'no_data_found';
  end if;
  insert into public.prompt_generation_jobs (
    id, row_id, model_id, user_id, ref_urls, target_url, priority, max_retries, min_quality,
    operation, existing_prompt, user_instructions, identity_consent,
    cache, stream, trace_context
  )
  values (
    v_job_id, p_row_id, v_owner.model_id, v_owner.user_id, coalesce(p_ref_urls, '{}'),
    p_target_url, coalesce(p_priority, 5), coalesce(p_max_retries, 3),
    p_options ->> 'min_quality', p_options ->> 'operation', p_options ->> 'existing_prompt',
    p_options ->> 'user_instructions', (p_options ->> 'identity_consent')::boolean,
    p_options ->> 'cache', (p_options ->> 'stream')::boolean, p_options ->> 'trace_context'
  );
  return v_job_id;
end
$$;
-- <<< enqueue_prompt_job

-- >>> prompt_job_trace
-- The trace that a job belongs to, as the request that queued it said. Volatile, so that it sees the
-- job although it may have come after the statement that claims it began.
create or replace function public.prompt_job_trace(p_job_id uuid)
returns text
language sql
volatile
set search_path = ''
as $$
  select j.trace_context from public.prompt_generation_jobs j where j.id = p_job_id
$$;
-- <<< prompt_job_trace
