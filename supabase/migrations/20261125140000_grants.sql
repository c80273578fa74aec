-- Who may use the functions that the files before brought, or made anew.
--
-- squawk-ignore-file ban-drop-function

-- Its successor has one parameter more, and takes over the calls of both from here on.
drop function if exists public.enqueue_prompt_job(uuid, text, text[], int, uuid, int, uuid);

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in ('enqueue_prompt_job', 'prompt_job_options', 'supply_prompt')
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
