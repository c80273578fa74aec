-- Comes after the functions: the trigger that calls one, and who may use what the files before
-- brought. No owner reads these tables past the service: they hold secrets.
drop trigger if exists prompt_job_events_webhooks on public.prompt_job_events;
create trigger prompt_job_events_webhooks
after insert on public.prompt_job_events
referencing new table as written
for each statement execute function public.webhooks_of_events();

do $$
declare
  v_table text;
  v_function regprocedure;
  v_role text;
begin
  foreach v_table in array array[
    'webhook_endpoints', 'webhook_secrets', 'webhook_requests', 'webhook_messages', 'webhook_tries',
    'webhook_tally'
  ] loop
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

  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in (
        'change_webhook_endpoint', 'claim_webhook_messages', 'create_webhook_endpoint',
        'enqueue_job_webhooks', 'enqueue_webhook', 'new_webhook_secret', 'prune_webhooks',
        'replay_webhook_message', 'rotate_webhook_secret', 'settle_webhook_messages',
        'test_webhook_endpoint', 'want_webhook', 'webhook_image_payload', 'webhook_outcomes',
        'webhook_prompt_payload', 'webhooks_of_events'
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
