-- Whether a picture is to be looked at or bought now.
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
  )
$$;
