-- Claims are one statement, and what is leased is found in the order of the claims: a new entry
-- goes to the end of its index, where before it went to its user's place among a thousand.
--
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion, ban-drop-function

create index if not exists prompt_job_queue_leased_idx
  on public.prompt_job_queue (attempt_until) where state = 'leased';
drop index if exists public.prompt_job_queue_in_flight_idx;
drop function if exists public.lease_prompt_jobs(int, text, double precision, double precision);

do $$
declare
  v_function regprocedure;
  v_role text;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in ('hold_back_capped_prompt_jobs', 'prompt_jobs_in_flight')
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
