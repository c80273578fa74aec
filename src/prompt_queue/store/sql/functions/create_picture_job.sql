-- Creates a row of jobs and what is ours of it, in the caller's own transaction. p_request has
-- use_ai_prompt, prompt, prompt_job_id (a completed prompt of the same user, taken over or, with prompt,
-- edited), target_url, ref_urls, generation_model, width, height, count (1 to 8), priority,
-- max_retries, webhook_url, webhook_events, metadata, trace_context (a W3C traceparent, for the prompt
-- as well), and prompt_options as enqueue_prompt_job() takes them; pictures and prompt that it does
-- not have come from the row of model_rows. With use_ai_prompt
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
  v_written text;
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
    if p_request ->> 'prompt_job_id' is not null then
      select j.id, j.generated_prompt into v_prompt_job, v_written
      from public.prompt_generation_jobs j
      where j.id = (p_request ->> 'prompt_job_id')::uuid and j.user_id = v_owner.user_id
        and j.status = 'completed'
      for share;
      if not found then
        raise exception 'there is no such prompt' using errcode = 'check_violation',
          hint = 'promptJobId is the id of a completed prompt job of yours';
      end if;
    end if;
    v_prompt := coalesce(
      nullif(trim(p_request ->> 'prompt'), ''), v_written, nullif(trim(v_row ->> 'prompt'), '')
    );
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
    from unnest(array_remove(array[v_job, case when v_with_ai then v_prompt_job end], null)) as n (id);
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_job, v_owner.user_id, 'picture_created', jsonb_strip_nulls(jsonb_build_object(
    'promptJobId', v_prompt_job, 'generationModel', p_request ->> 'generation_model',
    'count', v_count, 'edited', nullif(v_prompt is distinct from v_written and not v_with_ai
      and v_prompt_job is not null, false)
  )));
  perform public.project_picture_jobs(array[v_job]);
  notify prompt_queue;
  return query select v_job, v_prompt_job;
end
$$;
