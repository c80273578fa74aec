-- Comes after the functions: who may use what the files before brought. Nobody reads digests past
-- the service.
do $$
declare
  v_function regprocedure;
  v_role text;
begin
  revoke all on public.prompt_api_keys from public;
  drop policy if exists prompt_queue_service on public.prompt_api_keys;
  create policy prompt_queue_service on public.prompt_api_keys for all to current_user
  using (true) with check (true);
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on public.prompt_api_keys from %I', v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    grant select, insert, update, delete on public.prompt_api_keys to service_role;
    drop policy if exists prompt_queue_service_role on public.prompt_api_keys;
    create policy prompt_queue_service_role on public.prompt_api_keys for all to service_role
    using (true) with check (true);
  end if;

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'create_prompt_api_key', 'revoke_prompt_api_key', 'rotate_prompt_api_key',
        'touch_prompt_api_key'
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
