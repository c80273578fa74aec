-- Carries out what became of leased messages. p_outcomes is an array of {message_id, lease_token,
-- outcome, status, milliseconds, answer, error, delay_seconds, disable_after_days}. outcome: delivered;
-- retry (again after the delay); exhausted (given up); gone (the receiver is told nothing any more); released
-- (not tried). The token must be the current one. A retry makes later messages of its line wait as
-- long. An endpoint is disabled when it is gone, or when it has only failed for disable_after_days; what
-- waits for it then ends as disabled, as does what was claimed meanwhile (outcome disabled). Returns what was applied, the state now, and an endpoint that
-- this has disabled.
create or replace function public.settle_webhook_messages(p_outcomes jsonb)
returns table (message_id uuid, applied boolean, state text, disabled_endpoint uuid)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.settle'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_one record;
  v_is public.webhook_messages;
  v_to text;
  v_next timestamptz;
  v_disabled uuid;
begin
  -- Counting is cheap because now and then somebody tidies up.
  if random() < 0.005 then
    perform public.compact_webhook_tally();
  end if;
  for v_one in
    select o.* from jsonb_to_recordset(p_outcomes) as o (
      message_id uuid, lease_token uuid, outcome text, status int, milliseconds int, answer text,
      error text, delay_seconds double precision, disable_after_days double precision
    )
    order by o.message_id
  loop
    select m.* into v_is from public.webhook_messages m where m.id = v_one.message_id for update;
    if not found or v_is.state <> 'sending' or v_is.lease_token <> v_one.lease_token then
      return query select v_one.message_id, false, v_is.state, null::uuid;
      continue;
    end if;
    v_to := case v_one.outcome
      when 'retry' then 'waiting' when 'released' then 'waiting' when 'gone' then 'disabled'
      else v_one.outcome end;
    v_next := case v_one.outcome
      when 'retry' then v_now + make_interval(secs => greatest(v_one.delay_seconds, 0))
      when 'released' then v_now end;
    v_disabled := null;
    update public.webhook_messages m
    set state = v_to, due_at = coalesce(v_next, m.due_at),
      tries = m.tries + (v_one.outcome not in ('released', 'disabled'))::int,
      lease_token = null, lease_until = null, worker = null,
      ended_at = case when v_to <> 'waiting' then v_now end
    where m.id = v_is.id;
    if v_one.outcome not in ('released', 'disabled') then
      insert into public.webhook_tries (
        message_id, number, at, status, milliseconds, answer, error, next_at
      )
      values (
        v_is.id, v_is.tries + 1,
        v_now - make_interval(secs => coalesce(v_one.milliseconds, 0) / 1000.0), v_one.status,
        coalesce(v_one.milliseconds, 0), v_one.answer, v_one.error, v_next
      );
    end if;
    if v_one.outcome = 'retry' then
      update public.webhook_messages m
      set due_at = v_next
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at < v_next;
    elsif v_to <> 'waiting' then
      -- The next of its line has waited long enough.
      update public.webhook_messages m
      set due_at = v_now
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at > v_now and m.tries = 0;
      insert into public.webhook_tally (outcome, messages) values (v_to, 1);
    end if;
    if v_is.endpoint_id is not null and v_one.outcome = 'delivered' then
      update public.webhook_endpoints e
      set failing_since = null
      where e.id = v_is.endpoint_id and e.failing_since is not null;
    elsif v_is.endpoint_id is not null and v_one.outcome in ('retry', 'exhausted', 'gone') then
      update public.webhook_endpoints e
      set failing_since = v_now
      where e.id = v_is.endpoint_id and e.failing_since is null;
      update public.webhook_endpoints e
      set state = 'disabled', updated_at = v_now,
        disabled_reason = case v_one.outcome
          when 'gone' then 'It answered 410: nobody is there any more.'
          else format('It has answered nothing well since %s.',
            to_char(e.failing_since at time zone 'utc', 'YYYY-MM-DD HH24:MI"Z"')) end
      where e.id = v_is.endpoint_id and e.state = 'active' and (
        v_one.outcome = 'gone'
        or e.failing_since < v_now - make_interval(secs => v_one.disable_after_days * 86400)
      )
      returning e.id into v_disabled;
      if v_disabled is not null then
        with ended as (
          update public.webhook_messages m
          set state = 'disabled', ended_at = v_now
          where m.lane = v_disabled::text and m.state = 'waiting'
          returning m.id
        )
        insert into public.webhook_tally (outcome, messages)
        select 'disabled', count(*) from ended having count(*) > 0;
      end if;
    end if;
    return query select v_one.message_id, true,
      case when v_disabled is not null and v_to = 'waiting' then 'disabled' else v_to end, v_disabled;
  end loop;
end
$$;
