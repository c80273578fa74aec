-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> hasten_job
-- An explicit, audited act: a job that rests until a time may be claimed now, its retries as they
-- are. One that waits for an identical request, or for other jobs of its user, is left alone.
-- outcome: hastened, not_delayed or not_found.
create or replace function public.hasten_job(p_job_id uuid, p_actor text default 'operator')
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_is_picture boolean := false;
begin
  update public.prompt_job_queue q
  set state = 'ready', next_attempt_at = null
  where q.job_id = p_job_id and q.state = 'delayed' and q.follows is null
  returning q.user_id into v_user;
  if not found then
    update public.picture_jobs p
    set due_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'queued' and p.due_at > v_now
      and p.error_code is not null;
    v_is_picture := found;
    if not v_is_picture then
      return case when exists (
        select from public.prompt_generation_jobs j where j.id = p_job_id
        union all
        select from public.picture_jobs p where p.job_id = p_job_id
      ) then 'not_delayed' else 'not_found' end;
    end if;
    select p.user_id into v_user from public.picture_jobs p where p.job_id = p_job_id limit 1;
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (
    p_job_id, v_user, case when v_is_picture then 'picture_hastened' else 'hastened' end,
    jsonb_strip_nulls(jsonb_build_object(
      'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
    ))
  );
  notify prompt_queue;
  return 'hastened';
end
$$;
-- <<< hasten_job

-- >>> operate_on_jobs
-- An operator's act on jobs of anybody: p_act is retry, cancel or hasten, the ids are of prompts and
-- of jobs with pictures. All of them count together or not at all, their events say who and why, and
-- one line of the log names those that changed. outcome is that of retry_prompt_job() and its three
-- siblings, or of hasten_job().
create or replace function public.operate_on_jobs(
  p_act text, p_job_ids uuid[], p_actor text, p_reason text default null
)
returns table (job_id uuid, outcome text)
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_outcome text;
  v_changed uuid[] := '{}';
begin
  if p_act is null or p_act not in ('retry', 'cancel', 'hasten') then
    raise exception 'an act is retry, cancel or hasten' using errcode = 'invalid_parameter_value';
  end if;
  -- Read where the events are written, up to the end of this.
  perform set_config('prompt_queue.actor', p_actor, true),
    set_config('prompt_queue.reason', coalesce(p_reason, ''), true);
  -- In the order in which everybody takes locks.
  for v_id in select distinct j.id from unnest(p_job_ids) as j (id) order by j.id loop
    if p_act = 'hasten' then
      v_outcome := public.hasten_job(v_id, p_actor);
    elsif exists (select from public.prompt_generation_jobs p where p.id = v_id) then
      if p_act = 'retry' then
        select r.outcome into v_outcome
        from public.retry_prompt_job(v_id, null, p_actor) r;
      else
        select c.outcome into v_outcome
        from public.cancel_prompt_job(v_id) c;
      end if;
    elsif p_act = 'retry' then
      v_outcome := public.retry_picture_job(v_id, null, p_actor);
    else
      select c.outcome into v_outcome
      from public.cancel_picture_job(v_id) c;
    end if;
    if v_outcome in ('retried', 'cancelled', 'hastened') then
      v_changed := v_changed || v_id;
    end if;
    return query select v_id, v_outcome;
  end loop;
  perform set_config('prompt_queue.actor', '', true),
    set_config('prompt_queue.reason', '', true);
  if v_changed <> '{}' then
    insert into public.prompt_operator_log (actor, act, reason, about, detail)
    values (
      p_actor, case p_act when 'retry' then 'retried' when 'cancel' then 'cancelled' else 'hastened' end,
      p_reason,
      case cardinality(v_changed) when 1 then v_changed[1]::text
        else cardinality(v_changed) || ' jobs' end,
      jsonb_build_object('changed', cardinality(v_changed), 'ids', to_jsonb(v_changed))
    );
  end if;
end
$$;
-- <<< operate_on_jobs

-- >>> set_prompt_limit
-- The limits of a model: from the settings of a process, which give way to what an operator has
-- set, or by hand, p_reason says why. p_requests_per_second null means no limit. Returns whether
-- something changed.
create or replace function public.set_prompt_limit(
  p_model text,
  p_requests_per_second double precision,
  p_tokens_per_minute double precision default null,
  p_by_hand boolean default false,
  p_actor text default 'operator',
  p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(trim(p_model), '') = '' or p_requests_per_second <= 0 or p_tokens_per_minute <= 0 then
    raise exception 'name a model, and more than 0 requests and tokens'
      using errcode = 'invalid_parameter_value';
  end if;
  if p_requests_per_second is null and not p_by_hand then
    delete from public.prompt_model_limits l where l.model = p_model and not l.by_hand;
  else
    insert into public.prompt_model_limits as l (
      model, requests_per_second, tokens_per_minute, by_hand
    )
    values (p_model, p_requests_per_second, p_tokens_per_minute, p_by_hand)
    on conflict (model) do update
    set requests_per_second = excluded.requests_per_second,
      tokens_per_minute = excluded.tokens_per_minute, by_hand = excluded.by_hand,
      updated_at = clock_timestamp()
    where (p_by_hand or not l.by_hand)
      and (l.requests_per_second, l.tokens_per_minute, l.by_hand)
        is distinct from (excluded.requests_per_second, excluded.tokens_per_minute, p_by_hand);
  end if;
  if not found then
    return false;
  end if;
  -- What was learned was about another limit.
  delete from public.prompt_model_gates g where g.model = p_model;
  if p_by_hand then
    insert into public.prompt_operator_log (actor, act, model, reason)
    values (
      p_actor, 'limited', p_model,
      coalesce(nullif(trim(p_reason), '') || ': ', '') || coalesce(
        p_requests_per_second || ' requests a second, '
          || coalesce(p_tokens_per_minute::text, 'any') || ' tokens a minute',
        'no limit'
      )
    );
  end if;
  return true;
end
$$;
-- <<< set_prompt_limit
