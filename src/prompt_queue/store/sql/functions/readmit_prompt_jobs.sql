-- Gives open jobs that have no place in the queue one: a dump whose snapshot is older than
-- renew_prompt_job_queue's TRUNCATE, taken between the two, holds the record without the places.
-- What was being worked on is queued again. Reads the whole record, so once an hour is enough.
-- Returns how many were given a place, at most p_limit.
create or replace function public.readmit_prompt_jobs(p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.readmit'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with missing as materialized (
    select j.id, j.user_id, j.priority, j.created_at
    from public.prompt_generation_jobs j
    where j.status in ('queued', 'processing')
      and not exists (select from public.prompt_job_queue q where q.job_id = j.id)
    limit p_limit
    -- A statement whose snapshot is that old sees no places: the lock looks at the job anew, and
    -- the conflict below at its place.
    for update of j skip locked
  ),
  turns as materialized (
    select d.user_id, d.priority, public.prompt_claim_key(d.user_id, d.priority) as first_key
    from (select distinct m.user_id, m.priority from missing m) d
  ),
  placed as (
    insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
    select m.id, m.user_id, m.priority,
      t.first_key - 1
        + row_number() over (partition by m.user_id, m.priority order by m.created_at, m.id)
    from missing m
    join turns t on t.user_id = m.user_id and t.priority = m.priority
    on conflict (job_id) do nothing
    returning job_id, user_id
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = 'queued', updated_at = v_now
    from placed p
    where j.id = p.job_id
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind)
    select p.job_id, p.user_id, 'readmitted' from placed p
  )
  select count(*) into v_count from placed;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
