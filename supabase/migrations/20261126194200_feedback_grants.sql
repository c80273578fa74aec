-- Who may use the verdicts: this role and service_role; owners read their own, as they do their jobs.
do $$
declare
  v_table text;
  v_function regprocedure;
  v_role text;
begin
  foreach v_table in array array['prompt_feedback'] loop
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
  if to_regrole('authenticated') is not null and to_regproc('auth.uid') is not null then
    grant select on public.prompt_feedback to authenticated;
    drop policy if exists owners_read on public.prompt_feedback;
    create policy owners_read on public.prompt_feedback
      for select to authenticated using (user_id = (select auth.uid()));
  end if;
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname = 'note_prompt_feedback'
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
