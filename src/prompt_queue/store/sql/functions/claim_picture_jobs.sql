-- Leases up to p_limit pictures that are due: those already with the provider, to be looked at, and
-- after them those to be bought, most urgent first; of the latter no more than the gate of the
-- provider lets pass soon, and than prompt_queue_settings.pictures_at_once allows in all. Nothing
-- new is bought while the queue, the provider or the picture's priority is paused.
create or replace function public.claim_picture_jobs(
  p_limit int,
  p_worker text,
  p_lease_seconds double precision,
  p_attempt_seconds double precision default null,
  p_provider text default 'wavespeed'
)
returns setof public.picture_jobs
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.claim'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_room int;
  v_at_once int;
  v_taken int;
  v_bought int := 0;
  v_band record;
begin
  return query
  with due as materialized (
    select p.id from public.picture_jobs p
    where p.due_at is not null and p.due_at <= v_now and p.status <> 'queued'
    order by p.due_at
    limit p_limit
    for update skip locked
  )
  update public.picture_jobs p
  set lease_token = gen_random_uuid(), lease_until = v_now + make_interval(secs => p_lease_seconds),
    attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
    due_at = null
  from due d
  where p.id = d.id
  returning p.*;
  get diagnostics v_taken = row_count;
  v_room := p_limit - v_taken;
  if v_room <= 0 or exists (
    select from public.prompt_queue_pauses u where u.model in ('', p_provider)
  ) or not exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= v_now
    order by p.due_at
    limit 1
  ) then
    return;
  end if;
  select s.pictures_at_once into v_at_once from public.prompt_queue_settings s where s.only_row;
  if v_at_once is not null then
    -- One at a time: the count must not be of before another's claim.
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.pictures', 0));
    select least(v_room, greatest(v_at_once - count(*), 0)) into v_room
    from public.picture_jobs p
    where p.status in ('submitting', 'submission_unknown', 'submitted', 'running');
  end if;
  v_room := public.prompt_claim_room(p_provider, v_room);
  for v_band in select b.low, b.high from public.open_priority_bands() b loop
    exit when v_room <= v_bought;
    return query
    with chosen as materialized (
      select p.id from public.picture_jobs p
      where p.status = 'queued' and p.due_at <= v_now
        and p.priority between v_band.low and v_band.high
      order by p.priority desc, p.created_at
      limit v_room - v_bought
      for update skip locked
    )
    update public.picture_jobs p
    set status = 'submitting', lease_token = gen_random_uuid(),
      lease_until = v_now + make_interval(secs => p_lease_seconds),
      attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
      due_at = null, hinted_at = null, updated_at = v_now
    from chosen c
    where p.id = c.id
    returning p.*;
    get diagnostics v_taken = row_count;
    v_bought := v_bought + v_taken;
  end loop;
  perform public.spend_prompt_claim_room(p_provider, v_bought);
end
$$;
