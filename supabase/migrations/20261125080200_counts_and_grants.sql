-- The counts of what was there before the functions of 20261125080100, and who may use them.

-- All functions tell by the name of the application what they are at.
drop trigger if exists adopt_plain_status_update on public.prompt_generation_jobs;
create trigger adopt_plain_status_update
  after update on public.prompt_generation_jobs
  for each row
  when (
    old.status in ('queued', 'processing') and old.status is distinct from new.status
    and current_setting('application_name') not like 'prompt\_queue.%'
  )
  execute function public.adopt_plain_status_update();

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  -- Nobody ends a job between the count and the end of this transaction.
  lock table public.prompt_generation_jobs in share row exclusive mode;
  insert into public.prompt_queue_tally
    (at, status, jobs, measured, wait_seconds, processing_seconds)
  select '-infinity', s.status, s.jobs, s.measured, s.wait, s.processing
  from (
    select j.status, count(*) - coalesce((
        select sum(t.jobs) from public.prompt_queue_tally t where t.status = j.status
      ), 0) as jobs,
      count(j.started_at) as measured,
      coalesce(sum(extract(epoch from j.started_at - j.created_at)), 0) as wait,
      coalesce(sum(extract(epoch from j.completed_at - j.started_at)), 0) as processing
    from public.prompt_generation_jobs j
    where j.status in ('completed', 'failed', 'cancelled')
    group by j.status
  ) s
  where s.jobs <> 0;

  -- A retry finds failed jobs by their code.
  update public.prompt_generation_jobs j set error_code = 'failed'
  where j.status = 'failed' and j.error_code is null;

  revoke all on public.prompt_queue_tally from public;
  drop policy if exists prompt_queue_service on public.prompt_queue_tally;
  create policy prompt_queue_service on public.prompt_queue_tally for all to current_user
    using (true) with check (true);
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on public.prompt_queue_tally from %I', v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    grant select, insert, update, delete on public.prompt_queue_tally to service_role;
    drop policy if exists prompt_queue_service_role on public.prompt_queue_tally;
    create policy prompt_queue_service_role on public.prompt_queue_tally for all to service_role
      using (true) with check (true);
  end if;

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in ('compact_prompt_queue_tally', 'complete_prompt_jobs', 'take_prompt_singleton')
  loop
    execute format('revoke all on function %s from public', v_function);
    foreach v_role in array array['anon', 'authenticated'] loop
      if to_regrole(v_role) is not null then
        execute format('revoke all on function %s from %I', v_function, v_role);
      end if;
    end loop;
    if to_regrole('service_role') is not null then
      execute format('grant execute on function %s to service_role', v_function);
    end if;
  end loop;
end
$$;
