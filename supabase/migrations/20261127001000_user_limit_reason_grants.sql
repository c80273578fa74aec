-- The function whose arguments have changed is nobody's but the service's.
-- squawk-ignore-file ban-drop-function

-- The form without a reason goes; a call that names arguments finds the new one.
drop function if exists public.set_prompt_user_limit(
  uuid, numeric, int, int, double precision, boolean, text, boolean
);

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname = 'set_prompt_user_limit'
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
