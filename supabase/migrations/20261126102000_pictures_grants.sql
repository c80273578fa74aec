-- Comes after the functions: the trigger that calls one, and who may use what the files before
-- brought.
drop trigger if exists prompt_job_queue_release_pictures on public.prompt_job_queue;
create trigger prompt_job_queue_release_pictures
after delete on public.prompt_job_queue
referencing old table as gone
for each statement execute function public.release_waiting_pictures();

do $$
declare
  v_table text;
  v_function regprocedure;
  v_role text;
begin
  foreach v_table in array array['picture_jobs', 'picture_webhooks'] loop
    execute format('revoke all on public.%I from public', v_table);
    execute format('drop policy if exists prompt_queue_service on public.%I', v_table);
    execute format(
      'create policy prompt_queue_service on public.%I for all to current_user '
      'using (true) with check (true)', v_table
    );
    foreach v_role in array array['anon', 'authenticated'] loop
      if to_regrole(v_role) is not null then
        execute format('revoke all on public.%I from %I', v_table, v_role);
      end if;
    end loop;
    if to_regrole('service_role') is not null then
      execute format(
        'grant select, insert, update, delete on public.%I to service_role', v_table
      );
      execute format('drop policy if exists prompt_queue_service_role on public.%I', v_table);
      execute format(
        'create policy prompt_queue_service_role on public.%I for all to service_role '
        'using (true) with check (true)', v_table
      );
    end if;
  end loop;
  -- Owners read their own pictures, as they do their prompts.
  if to_regrole('authenticated') is not null and to_regproc('auth.uid') is not null then
    grant select on public.picture_jobs to authenticated;
    drop policy if exists owners_read on public.picture_jobs;
    create policy owners_read on public.picture_jobs
      for select to authenticated using (user_id = (select auth.uid()));
  end if;

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'cancel_picture_job', 'claim_picture_jobs', 'create_picture_job',
        'free_expired_picture_leases', 'insert_row_of_jobs', 'note_picture_hint',
        'picture_is_due', 'picture_job_status', 'picture_word', 'project_picture_jobs', 'release_picture_jobs',
        'release_waiting_pictures', 'reopen_picture_jobs', 'resolve_picture_call',
        'retry_picture_job', 'settle_picture_jobs'
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
