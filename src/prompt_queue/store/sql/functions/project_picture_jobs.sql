-- Shows in jobs (status, error, prompt in request_payload) and model_rows (status) how the pictures
-- of these jobs stand; only in columns that are there, only what has changed. What a table's own
-- rules refuse is noted as an event and stops nothing.
create or replace function public.project_picture_jobs(p_job_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_job record;
  v_sets text;
  v_word text;
begin
  select string_agg(case a.attname
      when 'status' then 'status = coalesce($2, d.status)'
      when 'error' then 'error = $3'
      when 'request_payload' then
        'request_payload = case when $4 is null then d.request_payload else '
        'coalesce(d.request_payload, ''{}'') || jsonb_build_object(''prompt'', $4) end'
      when 'updated_at' then 'updated_at = clock_timestamp()'
    end, ', ')
  into v_sets
  from pg_attribute a
  where a.attrelid = 'public.jobs'::regclass and not a.attisdropped and (
    a.attname in ('status', 'error', 'updated_at')
    or a.attname = 'request_payload' and a.atttypid = 'jsonb'::regtype
  );
  for v_job in
    select p.job_id, (array_agg(p.row_id))[1] as row_id, (array_agg(p.user_id))[1] as user_id,
      public.picture_job_status(array_agg(p.status)) as status,
      (array_agg(p.error order by p.number) filter (where p.error is not null))[1] as error,
      (array_agg(p.prompt order by p.number) filter (where p.prompt is not null))[1] as prompt
    from public.picture_jobs p
    where p.job_id = any (p_job_ids)
    group by p.job_id
    order by p.job_id
  loop
    begin
      if v_sets is not null then
        execute format(
          'update public.jobs d set %s where d.id = $1', v_sets
        ) using v_job.job_id, public.picture_word('job_words', v_job.status),
          case when v_job.status in ('failed', 'cancelled') then v_job.error end, v_job.prompt;
      end if;
      v_word := public.picture_word('row_words', v_job.status);
      if v_word is not null and v_job.row_id is not null and exists (
        select from pg_attribute a
        where a.attrelid = 'public.model_rows'::regclass and a.attname = 'status'
          and not a.attisdropped
      ) then
        execute 'update public.model_rows r set status = $2 '
          'where r.id = $1 and r.status is distinct from $2'
        using v_job.row_id, v_word;
      end if;
    exception when integrity_constraint_violation or data_exception or raise_exception then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_job.job_id, v_job.user_id, 'projection_refused',
        jsonb_build_object('status', v_job.status, 'sqlstate', sqlstate));
    end;
  end loop;
end
$$;
