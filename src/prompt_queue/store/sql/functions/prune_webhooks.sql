-- Deletes up to p_limit messages that ended more than p_days ago with their tries, requests for
-- webhooks of jobs that are gone, and puts the tally together. Returns how many messages.
create or replace function public.prune_webhooks(p_days double precision, p_limit int default 500)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_days * 86400);
  v_pruned bigint;
begin
  with old as materialized (
    select m.id from public.webhook_messages m
    where m.ended_at < v_before
    order by m.ended_at
    limit p_limit
    for update skip locked
  )
  delete from public.webhook_messages m using old o where m.id = o.id;
  get diagnostics v_pruned = row_count;
  delete from public.webhook_requests r
  where r.job_id in (
    select o.job_id from public.webhook_requests o
    where o.created_at < v_before
      and not exists (
        select from public.prompt_generation_jobs j
        where j.id = o.job_id
      ) and not exists (select from public.picture_jobs p where p.job_id = o.job_id)
    order by o.created_at
    limit p_limit
  );
  if (select count(*) from public.webhook_tally) > 100 then
    perform public.compact_webhook_tally();
  end if;
  return v_pruned;
end
$$;
