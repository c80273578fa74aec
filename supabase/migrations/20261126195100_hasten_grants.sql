-- hasten_job is for this role and service_role, and for nobody from outside.

do $$
declare
  v_role text;
begin
  revoke all on function public.hasten_job(uuid, text) from public;
  foreach v_role in array array['anon', 'authenticated'] loop
    if to_regrole(v_role) is not null then
      execute format('revoke all on function public.hasten_job(uuid, text) from %I', v_role);
    end if;
  end loop;
  if to_regrole('service_role') is not null then
    grant execute on function public.hasten_job(uuid, text) to service_role;
  end if;
end
$$;
