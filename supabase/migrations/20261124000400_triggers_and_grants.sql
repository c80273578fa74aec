-- Triggers on our own table, who may do what, and jobs that were there before.

drop trigger if exists prompt_jobs_inserted on public.prompt_generation_jobs;
create trigger prompt_jobs_inserted
  after insert on public.prompt_generation_jobs
  referencing new table as inserted
  for each statement execute function public.prompt_jobs_inserted();

drop trigger if exists prompt_jobs_deleted on public.prompt_generation_jobs;
create trigger prompt_jobs_deleted
  after delete on public.prompt_generation_jobs
  referencing old table as deleted
  for each statement execute function public.prompt_jobs_deleted();

drop trigger if exists guard_final_prompt_job on public.prompt_generation_jobs;
create trigger guard_final_prompt_job
  before update on public.prompt_generation_jobs
  for each row
  when (old.status in ('completed', 'failed', 'cancelled'))
  execute function public.guard_final_prompt_job();

drop trigger if exists adopt_plain_status_update on public.prompt_generation_jobs;
create trigger adopt_plain_status_update
  before update on public.prompt_generation_jobs
  for each row
  when (
    old.status in ('queued', 'processing') and old.status is distinct from new.status
    and coalesce(current_setting('prompt_queue.act', true), '') = ''
  )
  execute function public.adopt_plain_status_update();

-- Our tables: nobody but the service and, for their own rows, their owners.
do $$
declare
  v_table text;
  v_role text;
begin
  foreach v_table in array array[
    'prompt_generation_jobs', 'prompt_job_queue', 'prompt_job_events', 'provider_calls',
    'prompt_idempotency_keys', 'prompt_queue_workers', 'prompt_queue_singletons',
    'prompt_queue_settings'
  ] loop
    execute format('alter table public.%I enable row level security', v_table);
    execute format('alter table public.%I force row level security', v_table);
    execute format('drop policy if exists prompt_queue_service on public.%I', v_table);
    execute format(
      'create policy prompt_queue_service on public.%I for all to current_user '
      'using (true) with check (true)', v_table
    );
    execute format('revoke all on public.%I from public', v_table);
    foreach v_role in array array['anon', 'authenticated'] loop
      if to_regrole(v_role) is not null then
        execute format('revoke all on public.%I from %I', v_table, v_role);
      end if;
    end loop;
    if to_regrole('service_role') is not null then
      execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
      execute format('drop policy if exists prompt_queue_service_role on public.%I', v_table);
      execute format(
        'create policy prompt_queue_service_role on public.%I for all to service_role '
        'using (true) with check (true)', v_table
      );
    end if;
  end loop;

  if to_regrole('authenticated') is not null and to_regproc('auth.uid') is not null then
    foreach v_table in array array['prompt_generation_jobs', 'prompt_job_events'] loop
      execute format('grant select on public.%I to authenticated', v_table);
      execute format('drop policy if exists owners_read on public.%I', v_table);
      execute format(
        'create policy owners_read on public.%I for select to authenticated '
        'using (user_id = (select auth.uid()))', v_table
      );
    end loop;
  end if;
end
$$;

-- Any function in an exposed schema can be called over HTTP on Supabase, so each is closed first.
do $$
declare
  v_function regprocedure;
  v_role text;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'adopt_plain_status_update', 'adopt_prompt_job', 'begin_provider_calls',
        'cancel_prompt_job', 'claim_prompt_jobs', 'end_provider_calls', 'enqueue_prompt_job',
        'free_expired_prompt_leases', 'get_prompt_queue_stats', 'guard_final_prompt_job',
        'heartbeat_prompt_jobs', 'prompt_job_position', 'prompt_jobs_deleted',
        'prompt_jobs_inserted', 'prompt_row_owner', 'prompt_worker_seen',
        'release_prompt_singleton', 'retry_prompt_job', 'settle_prompt_jobs',
        'take_prompt_singleton', 'update_prompt_job_status', 'wake_due_prompt_jobs'
      )
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

-- Open jobs from a time before the queue existed get their place in it.
insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
select j.id, j.user_id, j.priority,
  (extract(epoch from coalesce(j.created_at, clock_timestamp())) * 1000000)::bigint
from public.prompt_generation_jobs j
where j.status in ('queued', 'processing')
on conflict do nothing;

update public.prompt_generation_jobs j
set status = 'queued'
from public.prompt_job_queue q
where q.job_id = j.id and q.state <> 'leased' and j.status = 'processing'
  and set_config('prompt_queue.act', 'migrate', true) = 'migrate';
