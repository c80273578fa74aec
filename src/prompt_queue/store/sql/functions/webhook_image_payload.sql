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
