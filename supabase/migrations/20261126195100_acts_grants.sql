-- hasten_job and the new set_prompt_limit are for this role and service_role, and for nobody from
-- outside.
--
-- squawk-ignore-file ban-drop-function

-- Its successor has one parameter more, and takes over its calls from here on.
drop function if exists public.set_prompt_limit(
  text, double precision, double precision, boolean, text
);

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in ('hasten_job', 'set_prompt_limit')
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
