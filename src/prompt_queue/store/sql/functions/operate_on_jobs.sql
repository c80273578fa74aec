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
