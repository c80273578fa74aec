-- Deletes promises that are older than p_days, at most p_batch, and what was counted before then.
-- Returns how many promises.
create or replace function public.prune_prompt_promises(p_days double precision, p_batch int)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_deleted bigint;
begin
  with old as (
    select p.job_id, p.made_at from public.prompt_promises p
    where p.made_at < clock_timestamp() - make_interval(secs => p_days * 86400)
    order by p.made_at
    limit p_batch
    for update skip locked
  )
  delete from public.prompt_promises p
  using old o
  where p.job_id = o.job_id and p.made_at = o.made_at;
  get diagnostics v_deleted = row_count;
  delete from public.prompt_promise_tally t
  where t.at < clock_timestamp() - make_interval(secs => greatest(p_days, 1) * 86400);
  return v_deleted;
end
$$;
