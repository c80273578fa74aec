-- What becomes of claimed jobs whose request is known by its key: p_joins is an array of {job_id,
-- lease_token, scope, key, refresh}. Verdict per job: hit (a prompt that was paid for is there),
-- lead (ask; identical requests wait for this one), follow (an identical request is under way: the
-- job waits outside the queue's order until that one ends, and its lease is given back), lease_lost.
-- One that refreshes asks in any case.
create or replace function public.join_prompt_flights(p_joins jsonb)
returns table (job_id uuid, verdict text, prompt text, model text, strategy text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.follow'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_join record;
  v_known record;
  v_leader uuid;
begin
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_joins) o)
  order by q.job_id
  for update;
  for v_join in
    select j.*, q.user_id,
      q.lease_token is not null and q.lease_token = j.lease_token as is_held
    from jsonb_to_recordset(p_joins) as j (
      job_id uuid, lease_token uuid, scope uuid, key text, refresh boolean
    )
    left join public.prompt_job_queue q on q.job_id = j.job_id
    order by j.scope, j.key, j.job_id
  loop
    if v_join.is_held is not true then
      return query select v_join.job_id, 'lease_lost', null::text, null::text, null::text;
      continue;
    elsif v_join.refresh then
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
      continue;
    end if;
    insert into public.prompt_flights as f (scope, key, leader_job_id)
    values (v_join.scope, v_join.key, v_join.job_id)
    on conflict (scope, key) do nothing;
    -- From here on nobody else's flight of this key begins or ends.
    select f.leader_job_id into v_leader
    from public.prompt_flights f
    where f.scope = v_join.scope and f.key = v_join.key
    for update;
    select c.prompt, c.model, c.strategy into v_known
    from public.prompt_cache c
    where c.scope = v_join.scope and c.key = v_join.key and c.expires_at > clock_timestamp();
    if found then
      delete from public.prompt_flights f
      where f.scope = v_join.scope and f.key = v_join.key and f.leader_job_id = v_join.job_id;
      return query select v_join.job_id, 'hit', v_known.prompt, v_known.model, v_known.strategy;
    elsif v_leader is not distinct from v_join.job_id then
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    elsif v_leader is null then
      -- It ended in this very moment without a prompt: who asks now asks alone.
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    elsif not exists (select from public.prompt_job_queue q where q.job_id = v_leader) then
      update public.prompt_flights f set leader_job_id = v_join.job_id
      where f.scope = v_join.scope and f.key = v_join.key;
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    else
      update public.prompt_job_queue q
      set state = 'delayed', lease_token = null, lease_until = null, attempt_until = null,
        worker = null, follows = v_join.scope || ':' || v_join.key,
        -- Should the end of the other be missed, it looks by itself.
        next_attempt_at = clock_timestamp() + interval '1 minute'
      where q.job_id = v_join.job_id;
      update public.prompt_generation_jobs j
      set status = 'queued', error = null, error_code = null, updated_at = clock_timestamp()
      where j.id = v_join.job_id;
      insert into public.prompt_job_events (job_id, user_id, kind)
      values (v_join.job_id, v_join.user_id, 'following');
      return query select v_join.job_id, 'follow', null::text, null::text, null::text;
    end if;
  end loop;
end
$$;
