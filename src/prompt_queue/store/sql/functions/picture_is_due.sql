-- Whether a picture is to be looked at, or one that may be bought now: while the queue or its
-- priority is paused, it may not.
create or replace function public.picture_is_due()
returns boolean
language sql
volatile
set search_path = ''
set enable_seqscan = off
as $$
  select exists (
    select from public.picture_jobs p
    where p.status <> 'queued' and p.due_at is not null and p.due_at <= clock_timestamp()
    order by p.due_at limit 1
  ) or exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= clock_timestamp() order by p.due_at limit 1
  ) and not exists (
    select from public.prompt_queue_pauses u where u.model = ''
  ) and (
    not exists (select from public.prompt_queue_paused_priorities) or exists (
      select from public.open_priority_bands() b
      cross join lateral (
        select p.id from public.picture_jobs p
        where p.status = 'queued' and p.due_at <= clock_timestamp()
          and p.priority between b.low and b.high
        order by p.priority desc, p.created_at limit 1
      ) o
    )
  )
$$;
