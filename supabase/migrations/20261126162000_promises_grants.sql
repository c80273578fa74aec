-- Comes after the functions: who may use what the files before brought.
do $$
declare
  v_function regprocedure;
  v_role text;
begin
  revoke all on public.prompt_promises from public;
  drop policy if exists prompt_queue_service on public.prompt_promises;
  create policy prompt_queue_service on public.prompt_promises for all to current_user
    using (true) with check (true);
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on public.prompt_promises from %I', v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    grant select, insert, update, delete on public.prompt_promises to service_role;
    drop policy if exists prompt_queue_service_role on public.prompt_promises;
    create policy prompt_queue_service_role on public.prompt_promises for all to service_role
      using (true) with check (true);
  end if;

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'note_prompt_promise', 'prompt_pace', 'prompt_promise_coverage', 'prompt_promise_facts',
        'prune_prompt_promises', 'score_prompt_promises'
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
