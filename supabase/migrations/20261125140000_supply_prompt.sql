-- Who may use what the file before brought.

do $$
declare
  v_function constant regprocedure := 'public.supply_prompt(uuid, text, uuid, text, boolean)';
  v_role text;
begin
  execute format('revoke all on function %s from public', v_function);
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on function %s from %I', v_function, v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    execute format('grant execute on function %s to service_role', v_function);
  end if;
end
$$;
