-- Who may use what 20261125000100 and 20261125000200 brought.

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  revoke all on public.prompt_queue_pauses from public;
  drop policy if exists prompt_queue_service on public.prompt_queue_pauses;
  create policy prompt_queue_service on public.prompt_queue_pauses for all to current_user
    using (true) with check (true);
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on public.prompt_queue_pauses from %I', v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    grant select, insert, update, delete on public.prompt_queue_pauses to service_role;
    drop policy if exists prompt_queue_service_role on public.prompt_queue_pauses;
    create policy prompt_queue_service_role on public.prompt_queue_pauses for all to service_role
      using (true) with check (true);
  end if;

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'admit_capped_prompt_jobs', 'claim_prompt_jobs', 'get_prompt_queue_stats', 'lease_prompt_jobs', 'pause_prompt_queue', 'prompt_claim_key',
        'prune_prompt_job_events', 'prune_prompt_jobs', 'prune_provider_calls',
        'resume_prompt_queue', 'retry_prompt_jobs'
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
