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
