-- Puts messages about jobs that have just ended into the outbox, in the transaction that ends them;
-- the arrays are final events of prompt_job_events. A job of several pictures ends with its last one:
-- who ends one of them waits here for whoever ends another, so that the later sees both. A message
-- keeps the trace of its job.
create or replace function public.enqueue_job_webhooks(
  p_job_ids uuid[], p_user_ids uuid[], p_kinds text[]
)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_event record;
  v_payload jsonb;
  v_type text;
  v_trace text;
  v_told boolean := false;
begin
  for v_event in
    select i.job_id, i.user_id, i.kind like 'picture%' as of_picture, max(i.kind) as kind
    from unnest(p_job_ids, p_user_ids, p_kinds) as i (job_id, user_id, kind)
    where exists (
        select from public.webhook_endpoints e
        where e.user_id = i.user_id and e.state = 'active'
      )
      or exists (select from public.webhook_requests r where r.job_id = i.job_id)
    group by i.job_id, i.user_id, i.kind like 'picture%'
    order by i.job_id
  loop
    if v_event.of_picture then
      if exists (
        select from public.picture_jobs p where p.job_id = v_event.job_id and p.number = 2
      ) then
        perform pg_advisory_xact_lock(
          hashtextextended('prompt_queue.webhooks ' || v_event.job_id, 0)
        );
      end if;
      v_payload := public.webhook_image_payload(v_event.job_id);
      continue when v_payload is null;
      select p.trace_context into v_trace
      from public.picture_jobs p where p.job_id = v_event.job_id and p.number = 1;
      v_type := 'image.' || replace(v_payload ->> 'status', 'succeeded', 'completed');
    else
      v_payload := public.webhook_prompt_payload(v_event.job_id, v_event.kind);
      select j.trace_context into v_trace
      from public.prompt_generation_jobs j where j.id = v_event.job_id;
      v_type := 'prompt.' || v_event.kind;
    end if;
    insert into public.webhook_messages (
      user_id, endpoint_id, url, type, subject, payload, trace_context
    )
    select v_event.user_id, w.endpoint_id, w.url, v_type, w.subject, v_payload, v_trace
    from (
      select e.id as endpoint_id, null::text as url, v_event.job_id as subject, e.events
      from public.webhook_endpoints e
      where e.user_id = v_event.user_id and e.state = 'active'
      union all
      select null, r.url, r.subject, r.events
      from public.webhook_requests r
      where r.job_id = v_event.job_id
    ) w
    where v_payload is not null and (w.events = '{}' or v_type = any (w.events));
    v_told := v_told or found;
  end loop;
  if v_told then
    notify prompt_queue;
  end if;
end
$$;
