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
